import { type ReactNode, useId, useState } from 'react';

type Props = {
  label: string;
  children?: ReactNode;
  accept?: string;
  several?: boolean;
  onFiles: (files: File[]) => void;
  describedBy?: string;
  id?: string;
};

/** Files dropped here or chosen with the button; the button is a real file input, so keyboards and readers know it. */
export function DropZone({ label, children, accept, several, onFiles, describedBy, id }: Props) {
  const own = useId();
  const [over, setOver] = useState(false);
  const take = (list: FileList | null) => {
    const files = [...(list ?? [])];
    if (files.length > 0) onFiles(several ? files : files.slice(0, 1));
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: dropping is the pointer's way; the input inside is everybody's
    <div
      className={`drop${over ? ' drop-over' : ''}`}
      onDragOver={(event) => {
        event.preventDefault();
        setOver(true);
      }}
      onDragLeave={() => setOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setOver(false);
        take(event.dataTransfer.files);
      }}
    >
      <label className="btn btn-default drop-button">
        <input
          id={id ?? own}
          type="file"
          className="drop-input"
          accept={accept}
          multiple={several}
          aria-describedby={describedBy}
          onChange={(event) => {
            take(event.target.files);
            event.target.value = '';
          }}
        />
        {label}
      </label>
      {children ? <span className="drop-text">{children}</span> : null}
    </div>
  );
}
