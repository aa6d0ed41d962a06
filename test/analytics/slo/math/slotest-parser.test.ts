import { describe, expect, test } from 'vitest';
import { applyCommand } from './support/slotest.js';
import { parseSlotest } from './support/slotest-parser.js';
import type { SlotestWorld } from './support/slotest-world.js';

const run = (text: string): void => {
  let world: SlotestWorld | undefined;
  for (const command of parseSlotest('x.slotest', text.split('\n'))) world = applyCommand('x.slotest', world, command);
};

const SLO = 'slo\n  objective 99\n  window rolling 1h\n';
const LOAD = 'load 1m from 2026-03-10T12:00Z\n  good 99 bad 1\n';

describe('a .slotest file', () => {
  test('reads series, groups and gaps', () => {
    const text = 'load 5m from 1970-01-01T01:00Z\n  {New York} good 1x2 _ 3 bad _x2 0 # comment';
    expect(parseSlotest('x.slotest', text.split('\n'))).toEqual([
      {
        kind: 'load',
        line: 1,
        stepMinutes: 5,
        fromMinute: 60,
        series: [
          { group: 'New York', verdict: 'good', values: [1, 1, null, 3] },
          { group: 'New York', verdict: 'bad', values: [null, null, 0] },
        ],
      },
    ]);
  });

  test('reads a condition with all of its options', () => {
    const [command] = parseSlotest('x.slotest', ['alert page 14.4 over 1h/5m gte for 10m min 100']);
    expect(command).toMatchObject({
      condition: {
        factorPerMille: 14_400,
        longMinutes: 60,
        shortMinutes: 5,
        op: 'gte',
        pendingMinutes: 10,
        minimumEvents: 100,
      },
    });
  });

  test.each([
    ['foo', 'x.slotest:1: "foo" is no command'],
    ['  objective 99', 'x.slotest:1: an indented line needs a command above it'],
    ['slo\n  window rolling 1h', 'x.slotest:1: an slo needs an objective'],
    ['slo\n  objective 99.12345', 'x.slotest:2: "99.12345" is no percentage'],
    ['slo\n  objective 100.1', 'x.slotest:2: "100.1" is no percentage'],
    ['slo\n  objective 99\n  window rolling 5 minutes', 'x.slotest:3: "window rolling 5 minutes" is not of the form'],
    ['slo\n  objective 99\n  window calendar 1 moon from 2026-01-01T00:00:00 UTC', 'x.slotest:3: "moon" is no unit'],
    ['slo\n  objective 99\n  method Average', 'x.slotest:3: "Average" is not Occurrences'],
    [`${SLO}load 1m from 2026-03-10T12:00:30Z`, 'x.slotest:4: "2026-03-10T12:00:30Z" is not on a whole minute'],
    [`${SLO}load 1m from yesterday`, 'x.slotest:4: "yesterday" is no instant'],
    [`${SLO}load 1m from 2026-03-10T12:00Z\n  good 1y2`, 'x.slotest:5: "1y2" is no value'],
    [`${SLO}load 1m from 2026-03-10T12:00Z\n  1 2`, 'x.slotest:5: "1" is not good, bad or unknown'],
    [`${SLO}eval status at 2026-03-10T12:00Z`, 'x.slotest:4: an eval needs what is expected'],
    [`${SLO}eval status at 2026-03-10T12:00Z\n  sly 1`, 'x.slotest:5: "sly" is no figure'],
    [`${SLO}eval status at 2026-03-10T12:00Z\n  total`, 'x.slotest:5: "total" has 1 value'],
    [`${SLO}eval nothing\n  x`, 'x.slotest:4: "nothing" cannot be evaluated'],
    [`${SLO}alert a 1 over 1h`, 'x.slotest:4: "" is no duration'],
    [`${SLO}alert a 1 over 1h/5m often`, 'x.slotest:4: "often" is not gte, for or min'],
    [`${SLO}hold breath from 2026-03-10T12:00Z to 2026-03-10T12:01Z`, 'x.slotest:4: "breath" is no reason to hold'],
    [LOAD, 'x.slotest:1: an slo has to come first'],
  ])('says where it is wrong: %j', (text, message) => {
    expect(() => run(text)).toThrow(message);
  });

  test('a figure that is not met fails with its line', () => {
    const text = `${SLO}${LOAD}eval status at 2026-03-10T12:01Z\n  total 100\n  sli 0.98`;
    expect(() => run(text)).toThrow('x.slotest:8 sli 0.98');
  });

  test('a transition that did not come, or was not expected, fails', () => {
    const alert = `${SLO}alert a 1 over 1h/5m gte\n${LOAD}eval alerts from 2026-03-10T12:01Z to 2026-03-10T12:10Z\n  `;
    const transitions = ['2026-03-10T12:01Z a firing', '2026-03-10T12:06Z a resolved no_data'];
    expect(() => run(alert + transitions.join('\n  '))).not.toThrow();
    expect(() => run(alert + transitions[0])).toThrow('x.slotest:7');
    expect(() => run(`${alert}nothing`)).toThrow('x.slotest:7');
  });

  test('a burn-down that differs in one step fails', () => {
    const text = `${SLO}${LOAD}eval budget step 30m at 2026-03-10T12:30Z\n  2026-03-10T12:00Z 1\n  2026-03-10T12:30Z `;
    expect(() => run(`${text}0`)).not.toThrow();
    expect(() => run(`${text}0.5`)).toThrow('x.slotest:6');
  });
});
