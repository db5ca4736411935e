import { Button } from '@mantine/core';
import { Link } from 'react-router';
import { Icon, type IconName } from '../../ui/icons';
import css from './Welcome.module.css';

const POINTS: [IconName, string, string][] = [
  ['clipboard-heart', 'Everything in one place', 'Results, medicines and visits from every hospital and practice that takes part.'],
  ['hand-stop', 'You decide who sees it', 'Share what you want, with whom you want, until when you want. Stop at any time.'],
  ['shield-check', 'Nobody can change it unseen', 'Your device checks every entry itself, and you see everyone who looked.'],
];

/** The first page: what this is, in three sentences, and the two ways in. */
export function Welcome() {
  return (
    <div className={css.welcome}>
      <div className={css.hero}>
        <h1>Your health record,<br />in your own hands.</h1>
        <p className={css.lead}>One calm place for your whole medical history. It is opened on your device and by you alone.</p>
        <div className={css.actions}>
          <Button component={Link} to="/signup" size="lg">Get started</Button>
          <Button component={Link} to="/signin" size="lg" variant="default">Sign in</Button>
        </div>
        <p className={css.small}>Have an invitation from your hospital? <Link to="/join">Use it here</Link>.</p>
      </div>
      <ul className={css.points}>
        {POINTS.map(([icon, title, text]) => (
          <li key={title}>
            <span className={css.disc}><Icon name={icon} size={26} /></span>
            <div><h2>{title}</h2><p>{text}</p></div>
          </li>
        ))}
      </ul>
      <footer className={css.staff}>
        <Link to="/clinic">For clinicians</Link>
        <Link to="/steward">For stewards</Link>
      </footer>
    </div>
  );
}
