import { createContext, useContext } from 'react';

/** The record around a field, for the few field types that talk to the server themselves. */
export type RecordPlace = {
  object: string;
  /** Missing while the record is being made. */
  id: string | null;
  mayEdit: boolean;
  /** Files chosen before there is a record, by field; they are sent once it exists. */
  held: Record<string, File[]>;
  hold: (field: string, files: File[]) => void;
};

export const Place = createContext<RecordPlace | null>(null);
export const usePlace = () => useContext(Place);
