/** One set of 20 px line icons, drawn on a 20 grid with a 1.6 stroke. Always beside a text or under an aria-label. */
const PATHS = {
  home: 'M3 9.2 10 3.5l7 5.7M5 8v8.5h10V8M8.2 16.5v-5h3.6v5',
  list: 'M7 5h10M7 10h10M7 15h10M3.2 5h.6M3.2 10h.6M3.2 15h.6',
  statements: 'M5 2.8h7l3.5 3.5v10.9h-10.5zM11.8 3v3.6h3.5M7.5 10h5.5M7.5 13h5.5',
  periods: 'M3.5 4.5h13v12h-13zM3.5 8.2h13M7 2.8v3M13 2.8v3',
  runs: 'M6.2 4.2v11.6l9.3-5.8z',
  tasks: 'M4 3.5h12v13H4zM7 10l2.2 2.2L13.2 8',
  search: 'M9 3.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11zM13.2 13.2 17 17',
  plus: 'M10 4v12M4 10h12',
  close: 'M5 5l10 10M15 5 5 15',
  down: 'M5.5 7.8 10 12.3l4.5-4.5',
  right: 'M7.8 5.5 12.3 10l-4.5 4.5',
  left: 'M12.2 5.5 7.7 10l4.5 4.5',
  up: 'M5.5 12.2 10 7.7l4.5 4.5',
  menu: 'M3.5 5.5h13M3.5 10h13M3.5 14.5h13',
  more: 'M5 10h.01M10 10h.01M15 10h.01',
  filter: 'M3.5 5h13M6 10h8M8.5 15h3',
  columns: 'M3.5 4h13v12h-13zM8 4v12M12.3 4v12',
  keys: 'M2.8 5.5h14.4v9H2.8zM5.5 8.3h.01M8.5 8.3h.01M11.5 8.3h.01M14.5 8.3h.01M6.5 11.8h7',
  user: 'M10 3.5a3 3 0 1 0 0 6 3 3 0 0 0 0-6zM4 16.5c.6-3 3-4.5 6-4.5s5.4 1.5 6 4.5',
  globe:
    'M10 2.8a7.2 7.2 0 1 0 0 14.4 7.2 7.2 0 0 0 0-14.4zM2.8 10h14.4M10 2.8c2.2 2 3.2 4.4 3.2 7.2s-1 5.200-3.200 7.200c-2.200-2-3.200-4.400-3.200-7.200s1-5.200 3.200-7.200z',
  print: 'M6 7V3h8v4M6 13.500H3.500V7h13v6.500H14M6 11.500h8V17H6z',
  edit: 'M4 16l.8-3.300 8.500-8.500 2.500 2.500-8.500 8.500zM11.800 5.700l2.500 2.500',
  trash: 'M4 5.500h12M8 5.500V3.500h4v2M5.500 5.500l.7 11h7.600l.7-11M8.500 8.500v5M11.500 8.500v5',
  warning: 'M10 3 2.800 16.200h14.400zM10 8v4M10 14.200h.01',
  offline:
    'M3 3l14 14M4 8.500a9 9 0 0 1 3-1.800M10 6a9 9 0 0 1 6 2.500M6.500 11.500a5 5 0 0 1 2-1.200M12.300 10.800l1.200.7M10 15h.01',
  lock: 'M5 9h10v7.500H5zM7 9V6.500a3 3 0 0 1 6 0V9',
  check: 'M4.500 10.500 8.300 14.300 15.500 6.500',
  calendar: 'M3.500 4.500h13v12h-13zM3.500 8.200h13M7 2.800v3M13 2.800v3',
  empty: 'M3 11h4l1.200 2.500h3.600L13 11h4M3 11v5.500h14V11l-2.500-7h-9z',
  table: 'M3 4h14v12H3zM3 8h14M3 12h14M8 4v12',
  chart: 'M3.500 16.500h13M6 16.500V10M10 16.500V4.500M14 16.500V8',
  external: 'M8 4H4v12h12v-4M11 4h5v5M16 4l-7 7',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg className="icon" width={size} height={size} viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
