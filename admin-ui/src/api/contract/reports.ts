/** docs/http.md, Reports. */
import type { Decimal, Ref } from './shared';

export type CardPoint = { label: string; value: Decimal | number; ref?: Ref | null };

export type DashboardCard = {
  id: string;
  title: string;
  kind: 'number' | 'bar' | 'pie' | 'table';
  unit?: string | null;
  data: CardPoint[];
  link?: string | null;
};

export type Dashboard = { name: string; title: string; cards: DashboardCard[] };
