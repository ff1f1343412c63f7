import { recall, remember } from '../../lib/store';

const HEAD_BYTES = 64 * 1024;
const ROWS = 3;
const KEPT = 'import-samples';
type Kept = { id: string; samples: Record<string, string[]> };

/** The first rows of a CSV file, split as spreadsheets do: quotes, doubled quotes, separators inside them. */
export function readRows(text: string, most: number): string[][] {
  const first = text.slice(0, text.search(/[\r\n]/) >>> 0);
  const separator = [',', ';', '\t'].sort((a, b) => first.split(b).length - first.split(a).length)[0];
  const rows: string[][] = [];
  let row: string[] = [];
  let cell = '';
  let quoted = false;
  for (let at = 0; at < text.length && rows.length < most; at += 1) {
    const letter = text[at];
    if (quoted) {
      if (letter === '"' && text[at + 1] === '"') {
        cell += '"';
        at += 1;
      } else if (letter === '"') quoted = false;
      else cell += letter;
    } else if (letter === '"' && cell === '') quoted = true;
    else if (letter === separator) {
      row.push(cell);
      cell = '';
    } else if (letter === '\n' || letter === '\r') {
      if (letter === '\r' && text[at + 1] === '\n') at += 1;
      row.push(cell);
      rows.push(row);
      row = [];
      cell = '';
    } else cell += letter;
  }
  if (rows.length < most && (cell !== '' || row.length > 0)) rows.push([...row, cell]);
  return rows;
}

/** Keeps what stands in the first rows for the mapping page; the server tells only the columns. */
export async function keepSamples(id: string, file: File, encoding: string | null | undefined): Promise<void> {
  if (!/\.(csv|txt|tsv)$/i.test(file.name)) return;
  let text: string;
  try {
    text = new TextDecoder(encoding ?? 'utf-8').decode(await file.slice(0, HEAD_BYTES).arrayBuffer());
  } catch {
    return; // an encoding this browser does not know, or a file that is gone: then there are no samples
  }
  const [head = [], ...rows] = readRows(text.replace(/^\uFEFF/, ''), ROWS + 1);
  const samples = Object.fromEntries(head.map((name, at) => [name.trim(), rows.map((row) => row[at] ?? '')]));
  remember(KEPT, { id, samples } satisfies Kept);
}

export function samplesOf(id: string): Record<string, string[]> {
  const kept = recall<Kept>(KEPT);
  return kept?.id === id ? kept.samples : {};
}
