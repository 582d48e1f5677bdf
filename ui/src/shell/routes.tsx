/**
 * All pages. Each page is one path segment deep, and the query string holds its state. So the addresses of assets and of the
 * API are relative to the document, and the UI works under any path prefix. Each page is a separate chunk.
 */
import { type ComponentType, lazy } from 'react';
import { createBrowserRouter, Navigate, useLocation } from 'react-router';
import { basePath } from '../api/client';
import { AuthGate } from './AuthGate';

const page = (load: () => Promise<{ default: ComponentType }>) => {
  const Page = lazy(load);
  return <Page />;
};

/** Redirects an unknown address to the fleet and keeps its query string. */
function ToFleet() {
  const { search } = useLocation();
  return <Navigate to={`/fleet${search}`} replace />;
}

export const router = createBrowserRouter(
  [
    { path: '/signin', element: page(() => import('../pages/signin/SignIn')) },
    {
      element: <AuthGate />,
      children: [
        { path: '/fleet', element: page(() => import('../pages/fleet/Fleet')) },
        { path: '/server', element: page(() => import('../pages/server/ServerPage')) },
        { path: '/queries', element: page(() => import('../pages/queries/Queries')) },
        { path: '/query', element: page(() => import('../pages/queries/QueryDetail')) },
        { path: '/tables', element: page(() => import('../pages/relations/Tables')) },
        { path: '/indexes', element: page(() => import('../pages/relations/Indexes')) },
        { path: '/sql', element: page(() => import('../pages/console/Console')) },
        { path: '/reference', element: page(() => import('../pages/reference/Reference')) },
        { path: '/collectors', element: page(() => import('../pages/collectors/Collectors')) },
        { path: '/settings', element: page(() => import('../pages/settings/Settings')) },
        { path: '*', element: <ToFleet /> },
      ],
    },
  ],
  { basename: basePath.replace(/\/$/, '') || '/' },
);
