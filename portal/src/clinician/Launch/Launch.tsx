import { Button } from '@mantine/core';
import { useParams } from 'react-router';
import { apps, leaveTo } from '../../api/apps';
import { useAction, useLoad } from '../../ui/hooks';
import { Icon } from '../../ui/icons';
import { ErrorNote, Skeletons } from '../../ui/Note/Note';
import { Card, Page } from '../../ui/Page/Page';

/** The apps that can be opened from a chart; nothing where there are none. */
export function LaunchApps({ chart }: { chart: string }) {
  const list = useLoad('launches', () => apps.launchable());
  const open = useAction(async (app: string) => {
    // In a tab of its own: the chart stays open here.
    window.open(await apps.launch(chart, app), '_blank', 'noopener');
  });
  return (
    <>
      {(list.value ?? []).map(({ id, name }) => (
        <Button key={id} variant="default" leftSection={<Icon name="share" size={20} />} loading={open.busy} onClick={() => void open.go(id)}>Open {name}</Button>
      ))}
      {open.error && <ErrorNote title="The app could not be opened" message={open.error} />}
    </>
  );
}

/** The app that was opened from a chart came back to ask: one more look, and it goes on. */
export function AllowLaunch() {
  const { request = '' } = useParams();
  const asked = useLoad(`launch/${request}`, () => apps.request(request));
  const allow = useAction(async () => leaveTo(await apps.allowLaunch(request)));
  const refuse = useAction(async () => leaveTo(await apps.refuse(request)));
  const of = asked.value;
  if (asked.loading) return <Page title="Open an app"><Skeletons rows={2} /></Page>;
  if (!of) return <Page title="Open an app"><ErrorNote title="Nothing was shown to the app" message={asked.error ?? ''} onRetry={asked.again} /></Page>;
  return (
    <Page title={`Open ${of.name} in this chart?`} lead="It reads with your rights, in the chart from which you opened it, until you close that chart. The patient sees it in the list of who looked.">
      <Card>
        <p>It asks for: {of.scope}</p>
        {[allow.error, refuse.error].filter(Boolean).map((error) => <ErrorNote key={error} message={error!} />)}
        <Button size="lg" loading={allow.busy} onClick={() => void allow.go()}>Open {of.name}</Button>{' '}
        <Button size="lg" variant="default" loading={refuse.busy} onClick={() => void refuse.go()}>Do not open it</Button>
      </Card>
    </Page>
  );
}
