/** Keeps a page that fails from taking the frame with it. */
import { Component, type ReactNode } from 'react';
import { ErrorBox } from './States';

interface State {
  error: Error | null;
}

export class PageBoundary extends Component<{ children: ReactNode }, State> {
  override state: State = { error: null };

  static getDerivedStateFromError(error: Error): State {
    return { error };
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (!error) return this.props.children;
    // A chunk that is gone means that a newer version was installed while this page was open.
    const stale = /dynamically imported module|Importing a module script failed/i.test(error.message);
    return (
      <ErrorBox
        what={stale ? 'load this page: pgAnalytics was updated' : 'show this page'}
        error={error}
        retry={() => (stale ? window.location.reload() : this.setState({ error: null }))}
      />
    );
  }
}
