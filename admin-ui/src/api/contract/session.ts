/** Who is here: docs/http.md, Session and Tasks. */
import type { Ref } from './shared';

export type MenuItem = {
  id: string;
  title: string;
  object?: string | null;
  page?: string | null;
  icon?: string | null;
  children?: MenuItem[];
};

export type Me = {
  id: string;
  login: string;
  name: string;
  locale: string;
  tenant: string;
  time_zone: string;
  currency: string;
  roles: string[];
  csrf: string;
  menu: MenuItem[];
};

export type SessionReply = { token: string; csrf: string; expires_at: string; user: Me };

export type Task = {
  id: string;
  kind: string;
  code: string;
  title: string;
  object?: string;
  record?: Ref | null;
  created_at: string;
  role?: string | null;
  role_title?: string | null;
};
