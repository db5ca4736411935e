import { Button } from '@mantine/core';
import { Component, type ReactNode } from 'react';
import { Note } from '../Note/Note';
import { Page } from '../Page/Page';

/** A page that fails says so and offers the way out; the error itself is not shown and not sent anywhere. */
export class Failsafe extends Component<{ children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };
  static getDerivedStateFromError() {
    return { failed: true };
  }
  override render() {
    if (!this.state.failed) return this.props.children;
    return (
      <main>
        <Page title="This page failed">
          <Note tone="bad" title="Something on this page did not work" action={<Button onClick={() => window.location.assign('/')}>Start again</Button>}>
            Nothing has been lost. Please start again; if it happens once more, tell your hospital what you did last.
          </Note>
        </Page>
      </main>
    );
  }
}
