/** Catches errors of a page, so that the frame stays usable. */
import { Component, type ReactNode } from 'react';
import { ErrorBox } from '../layout/States';

interface State {
  error: Error | null;
}

interface Props {
  /** The current page. A change of page clears the error. */
  place: string;
  children: ReactNode;
}

export class PageBoundary extends Component<Props, State> {
  override state: State = { error: null };

  static getDerivedStateFromError(error: Error): State {
    return { error };
  }

  override componentDidUpdate(previous: Props): void {
    if (previous.place !== this.props.place && this.state.error) this.setState({ error: null });
  }

  override render(): ReactNode {
    const { error } = this.state;
    if (!error) return this.props.children;
    // A missing chunk means that pgAnalytics was updated while this page was open.
    const stale = /dynamically imported module|Importing a module script failed/i.test(error.message);
    return (
      <ErrorBox
        what={stale ? 'load this page, because pgAnalytics was updated' : 'show this page'}
        error={error}
        retry={() => (stale ? window.location.reload() : this.setState({ error: null }))}
      />
    );
  }
}
