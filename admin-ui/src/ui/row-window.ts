import { type RefObject, useLayoutEffect, useState } from 'react';

const ROW_PX = 40;
const SPARE_ROWS = 12;
/** Up to this many rows are simply drawn: less to go wrong, and find-in-page sees them all. */
const ALWAYS_DRAWN = 120;

export type RowWindow = { from: number; to: number; above: number; below: number };

/** Which of many rows to draw, by where their list stands on the page; the others are two empty stretches. */
export function useRowWindow(list: RefObject<HTMLElement | null>, count: number): RowWindow {
  const [seen, setSeen] = useState({ from: 0, to: ALWAYS_DRAWN, row: ROW_PX });
  const few = count <= ALWAYS_DRAWN;
  useLayoutEffect(() => {
    if (few) return;
    let frame = 0;
    const measure = () => {
      frame = 0;
      const box = list.current;
      if (!box) return;
      setSeen((before) => {
        const drawn = [...box.querySelectorAll<HTMLElement>(':scope > [data-row]')];
        const first = drawn[0]?.getBoundingClientRect();
        const last = drawn.at(-1)?.getBoundingClientRect();
        const height = first && last ? (last.bottom - first.top) / drawn.length : 0;
        const row = height > 0 ? height : before.row;
        const top = box.getBoundingClientRect().top;
        const from = Math.max(0, Math.floor(-top / row) - SPARE_ROWS);
        const to = Math.max(from + 1, Math.ceil((window.innerHeight - top) / row) + SPARE_ROWS);
        const same = from === before.from && to === before.to && Math.abs(row - before.row) < 0.5;
        return same ? before : { from, to, row };
      });
    };
    const soon = () => {
      if (frame === 0) frame = requestAnimationFrame(measure);
    };
    measure();
    window.addEventListener('scroll', soon, { capture: true, passive: true });
    window.addEventListener('resize', soon);
    return () => {
      cancelAnimationFrame(frame);
      window.removeEventListener('scroll', soon, { capture: true });
      window.removeEventListener('resize', soon);
    };
  }, [few, list]);
  if (few) return { from: 0, to: count, above: 0, below: 0 };
  const from = Math.min(seen.from, Math.max(0, count - 1));
  const to = Math.min(count, Math.max(seen.to, from + 1));
  return { from, to, above: from * seen.row, below: (count - to) * seen.row };
}
