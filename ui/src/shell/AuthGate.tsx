/** Shows the pages to signed-in users. Others sign in first and then return to the same address. */
import { Center } from '@mantine/core';
import { Navigate, useLocation } from 'react-router';
import { useSession } from '../api/facts';
import { ErrorBox } from '../layout/States';
import { RangeProvider } from '../range/RangeProvider';
import { Shell } from './Shell';

export function AuthGate() {
  const session = useSession();
  const location = useLocation();
  if (session.isPending) return null;
  if (session.isError) {
    return (
      <Center mih="80vh" p="md">
        <main>
          <ErrorBox what="reach the backend" error={session.error} retry={() => void session.refetch()} />
        </main>
      </Center>
    );
  }
  if (session.data === null) {
    const here = location.pathname + location.search;
    return <Navigate to={`/signin?next=${encodeURIComponent(here)}`} replace />;
  }
  return (
    <RangeProvider>
      <Shell />
    </RangeProvider>
  );
}
