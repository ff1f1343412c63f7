import { createRootRoute, createRoute, createRouter, type RouterHistory } from '@tanstack/react-router';
import { lazy, Suspense } from 'react';
import { readImportSearch } from '../features/imports/search';
import { readListSearch } from '../features/objects/list-search';
import { readAnalysisSearch, readStatementSearch } from '../features/settlement/search';
import { Skeleton } from '../ui/states';
import { Broken } from './error-boundary';
import { NotFound, Root } from './root';

const HomePage = lazy(() => import('../features/dashboards/home-page'));
const TasksPage = lazy(() => import('../features/tasks/tasks-page'));
const ListPage = lazy(() => import('../features/objects/list-page'));
const RecordPage = lazy(() => import('../features/objects/record-page'));
const NewRecordPage = lazy(() =>
  import('../features/objects/form-page').then((page) => ({ default: page.NewRecordPage })),
);
const EditRecordPage = lazy(() =>
  import('../features/objects/form-page').then((page) => ({ default: page.EditRecordPage })),
);
const StatementsPage = lazy(() => import('../features/settlement/statements-page'));
const StatementPage = lazy(() => import('../features/settlement/statement-page'));
const PeriodsPage = lazy(() => import('../features/settlement/periods-page'));
const RunsPage = lazy(() => import('../features/settlement/runs-page'));
const RunPage = lazy(() => import('../features/settlement/runs-page').then((page) => ({ default: page.RunPage })));
const AnalysisPage = lazy(() => import('../features/settlement/analysis-page'));
const SchedulesPage = lazy(() => import('../features/settlement/schedules-page'));
const SchedulePage = lazy(() => import('../features/settlement/schedule-page'));
const ImportsPage = lazy(() => import('../features/imports/imports-page'));
const NewImportPage = lazy(() => import('../features/imports/new-import-page'));
const ImportPage = lazy(() => import('../features/imports/import-page'));
const RecordSettlement = lazy(() =>
  import('../features/settlement/record-settlement').then((part) => ({ default: part.RecordSettlement })),
);

const text = (value: unknown) => (typeof value === 'string' && value ? value : undefined);

function Waiting() {
  return (
    <div className="page">
      <Skeleton rows={8} />
    </div>
  );
}

const root = createRootRoute({ component: Root, notFoundComponent: NotFound });
const at = () => root;

const routes = [
  createRoute({ getParentRoute: at, path: '/', component: HomePage }),
  createRoute({ getParentRoute: at, path: '/tasks', component: TasksPage }),
  createRoute({ getParentRoute: at, path: '/records/$object', component: ListPage, validateSearch: readListSearch }),
  createRoute({
    getParentRoute: at,
    path: '/records/$object/new',
    component: NewRecordPage,
    validateSearch: (search: Record<string, unknown>): { template?: string } => ({ template: text(search.template) }),
  }),
  createRoute({
    getParentRoute: at,
    path: '/records/$object/$id',
    component: () => (
      <RecordPage
        settlement={(record) =>
          record._settlement ? (
            <Suspense fallback={<Skeleton rows={3} />}>
              <RecordSettlement record={record} />
            </Suspense>
          ) : null
        }
      />
    ),
    validateSearch: (search: Record<string, unknown>): { tab?: string; at?: string } => ({
      tab: text(search.tab),
      at: text(search.at),
    }),
  }),
  createRoute({ getParentRoute: at, path: '/records/$object/$id/edit', component: EditRecordPage }),
  createRoute({
    getParentRoute: at,
    path: '/statements',
    component: StatementsPage,
    validateSearch: readStatementSearch,
  }),
  createRoute({ getParentRoute: at, path: '/statements/$id', component: StatementPage }),
  createRoute({ getParentRoute: at, path: '/periods', component: PeriodsPage }),
  createRoute({ getParentRoute: at, path: '/runs', component: RunsPage }),
  createRoute({ getParentRoute: at, path: '/runs/$id', component: RunPage }),
  createRoute({ getParentRoute: at, path: '/analysis', component: AnalysisPage, validateSearch: readAnalysisSearch }),
  createRoute({ getParentRoute: at, path: '/schedules', component: SchedulesPage }),
  createRoute({ getParentRoute: at, path: '/schedules/$schedule', component: SchedulePage }),
  createRoute({ getParentRoute: at, path: '/imports', component: ImportsPage, validateSearch: readImportSearch }),
  createRoute({ getParentRoute: at, path: '/imports/new', component: NewImportPage, validateSearch: readImportSearch }),
  createRoute({ getParentRoute: at, path: '/imports/$id', component: ImportPage }),
] as const;

export function makeRouter(history?: RouterHistory) {
  return createRouter({
    routeTree: root.addChildren([...routes]),
    history,
    defaultPendingComponent: Waiting,
    defaultErrorComponent: ({ error }) => <Broken error={error instanceof Error ? error : new Error(String(error))} />,
    scrollRestoration: true,
  });
}

declare module '@tanstack/react-router' {
  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
}
