/** The API page: requests from /api/v1/openapi.json, and tables from /api/v1/views. */
import { SegmentedControl } from '@mantine/core';
import { useParam } from '../../address/links';
import { SearchBox } from '../../layout/SearchBox';
import { PageHeader } from '../../layout/States';
import { ApiReference } from './ApiReference';
import { TableReference } from './TableReference';

export default function Reference() {
  const [what, setWhat] = useParam('what', 'api');
  const [search, setSearch] = useParam('search');
  return (
    <>
      <title>API · pgAnalytics</title>
      <PageHeader title="API">
        <SegmentedControl
          size="xs"
          aria-label="Section"
          value={what}
          onChange={setWhat}
          data={[
            { value: 'api', label: 'Requests' },
            { value: 'tables', label: 'Tables' },
          ]}
        />
        <SearchBox
          value={search}
          onChange={setSearch}
          label={what === 'api' ? 'Search requests' : 'Search tables and columns'}
        />
      </PageHeader>
      {what === 'api' ? <ApiReference search={search} /> : <TableReference search={search} />}
    </>
  );
}
