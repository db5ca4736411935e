import type { Governance } from '../../api/staff';
import { Facts } from '../../ui/Facts/Facts';
import { Card, Section } from '../../ui/Page/Page';
import { RULE_NAMES, RULES, ruleText } from '../governance/parameters';
import css from './Rules.module.css';

export function Rules({ parameters, network }: Governance) {
  return (
    <Section title="Rules" hint="The same for every member. A proposal can change them.">
      <Card>
        <Facts
          of={RULE_NAMES.map((name) => [
            RULES[name].name,
            <>
              <p className={css.value}>{ruleText(name, parameters[name], network)}</p>
              <p className={css.about}>{RULES[name].about}</p>
            </>,
          ])}
        />
      </Card>
    </Section>
  );
}
