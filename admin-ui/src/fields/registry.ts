import { address } from './address/kind';
import { attachment } from './attachment/kind';
import { boolean } from './boolean/kind';
import { choice } from './choice/kind';
import { choices } from './choices/kind';
import { date } from './date/kind';
import { dateTime } from './date_time/kind';
import { decimal } from './decimal/kind';
import { department } from './department/kind';
import { duration } from './duration/kind';
import { email } from './email/kind';
import { image } from './image/kind';
import { integer } from './integer/kind';
import { items } from './items/kind';
import { json } from './json/kind';
import type { FieldKind } from './kind';
import { location } from './location/kind';
import { longText } from './long_text/kind';
import { money } from './money/kind';
import { percent } from './percent/kind';
import { phone } from './phone/kind';
import { reference } from './reference/kind';
import { references } from './references/kind';
import { richText } from './rich_text/kind';
import { rollup } from './rollup/kind';
import { sequence } from './sequence/kind';
import { state } from './state/kind';
import { text } from './text/kind';
import { time } from './time/kind';
import { url } from './url/kind';
import { user } from './user/kind';

/** Every field type of the engine, by the name it has in metadata. */
const KINDS: Record<string, () => FieldKind> = {
  text: () => text,
  long_text: () => longText,
  rich_text: () => richText,
  integer: () => integer,
  decimal: () => decimal,
  percent: () => percent,
  money: () => money,
  boolean: () => boolean,
  date: () => date,
  date_time: () => dateTime,
  time: () => time,
  duration: () => duration,
  choice: () => choice,
  choices: () => choices,
  state: () => state,
  reference: () => reference,
  references: () => references,
  items: () => items,
  email: () => email,
  phone: () => phone,
  url: () => url,
  address: () => address,
  location: () => location,
  user: () => user,
  department: () => department,
  sequence: () => sequence,
  rollup: () => rollup,
  json: () => json,
  image: () => image,
  attachment: () => attachment,
};

export const FIELD_TYPES = Object.keys(KINDS);

/** A type this UI does not know yet is shown and written as text. */
export function kindOf(type: string): FieldKind {
  return (KINDS[type] ?? KINDS.text)?.() ?? text;
}
