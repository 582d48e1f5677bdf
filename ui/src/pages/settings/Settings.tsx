/** The Settings page, for admins: users, tokens and retention. */
import { Stack } from '@mantine/core';
import { useSession } from '../../api/facts';
import { Empty, PageHeader } from '../../layout/States';
import { Retention } from './Retention';
import { Tokens } from './Tokens';
import { Users } from './Users';

export default function Settings() {
  const session = useSession();
  return (
    <>
      <title>Settings · pgAnalytics</title>
      <PageHeader title="Settings" />
      {session.data?.role === 'admin' ? (
        <Stack gap="xl">
          <Users />
          <Tokens />
          <Retention />
        </Stack>
      ) : (
        <Empty title="Only for admins">An admin manages users, tokens and retention here.</Empty>
      )}
    </>
  );
}
