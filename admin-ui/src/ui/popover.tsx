import { type ReactNode, useEffect, useId, useLayoutEffect, useRef, useState } from 'react';
import { Icon, type IconName } from './icon';

type Props = {
  label: ReactNode;
  /** Accessible name where the label is not enough. */
  name?: string;
  icon?: IconName;
  className?: string;
  align?: 'start' | 'end';
  caret?: boolean;
  open?: boolean;
  onOpen?: (open: boolean) => void;
  children: (close: () => void) => ReactNode;
};

/** A button that opens a panel beside it. The panel lies in the top layer, so nothing cuts it off. */
export function Popover({
  label,
  name,
  icon,
  className,
  align = 'start',
  caret,
  open: asked,
  onOpen,
  children,
}: Props) {
  const [own, setOwn] = useState(false);
  const open = asked ?? own;
  const setOpen = (next: boolean) => {
    setOwn(next);
    onOpen?.(next);
  };
  const anchor = useRef<HTMLButtonElement>(null);
  const panel = useRef<HTMLDivElement>(null);
  const id = useId();
  const close = () => {
    setOpen(false);
    anchor.current?.focus();
  };
  const latest = useRef(setOpen);
  latest.current = setOpen;

  useLayoutEffect(() => {
    const box = panel.current;
    const from = anchor.current;
    if (!open || !box || !from) return;
    box.showPopover?.();
    placeBeside(box, from, align);
    const first = box.querySelector<HTMLElement>('input, select, textarea, button, a[href]');
    first?.focus();
    const place = () => placeBeside(box, from, align);
    window.addEventListener('resize', place);
    window.addEventListener('scroll', place, true);
    return () => {
      window.removeEventListener('resize', place);
      window.removeEventListener('scroll', place, true);
    };
  }, [open, align]);

  useEffect(() => {
    if (!open) return;
    const outside = (event: PointerEvent) => {
      const target = event.target as globalThis.Node;
      if (panel.current?.contains(target) || anchor.current?.contains(target)) return;
      latest.current(false);
    };
    document.addEventListener('pointerdown', outside);
    return () => document.removeEventListener('pointerdown', outside);
  }, [open]);

  return (
    <>
      <button
        ref={anchor}
        type="button"
        className={className ?? 'btn btn-default'}
        aria-label={name}
        aria-haspopup="dialog"
        aria-expanded={open}
        aria-controls={open ? id : undefined}
        onClick={() => setOpen(!open)}
      >
        {icon ? <Icon name={icon} /> : null}
        {label}
        {caret ? <Icon name="down" size={14} /> : null}
      </button>
      {open ? (
        // biome-ignore lint/a11y/noStaticElementInteractions: only Escape and leaving are caught, the controls inside act
        <div
          ref={panel}
          id={id}
          popover="manual"
          className="popover"
          onKeyDown={(event) => {
            if (event.key !== 'Escape') return;
            event.stopPropagation();
            event.preventDefault();
            close();
          }}
        >
          {children(close)}
        </div>
      ) : null}
    </>
  );
}

function placeBeside(box: HTMLElement, from: HTMLElement, align: 'start' | 'end') {
  const edge = 8;
  const at = from.getBoundingClientRect();
  const size = box.getBoundingClientRect();
  const left = align === 'end' ? at.right - size.width : at.left;
  const below = at.bottom + 4;
  const top = below + size.height > window.innerHeight - edge ? Math.max(edge, at.top - 4 - size.height) : below;
  box.style.left = `${Math.max(edge, Math.min(left, window.innerWidth - size.width - edge))}px`;
  box.style.top = `${top}px`;
}
