/** A .slotest file as tests: one per eval, in order, on one world per `slo`. */
import { describe, test } from 'vitest';
import type { Command } from './slotest-commands.js';
import { parseSlotest } from './slotest-parser.js';
import { runAlerts, runBudget, runStatus } from './slotest-runner.js';
import { readLines, SlotestError } from './slotest-values.js';
import { SlotestWorld } from './slotest-world.js';

export function slotestFile(folder: URL, file: string): void {
  const lines = readLines(new URL(file, folder));
  const commands = parseSlotest(file, lines);
  describe(file, () => {
    let world: SlotestWorld | undefined;
    for (const command of commands) {
      if (command.kind === 'slo') world = undefined;
      const apply = () => {
        world = applyCommand(file, world, command);
      };
      // Evals change the world, too: alerts remember. So everything runs in order, within tests.
      test(`${file}:${command.line} ${lines[command.line - 1].trim()}`, apply);
    }
  });
}

export function applyCommand(file: string, world: SlotestWorld | undefined, command: Command): SlotestWorld {
  if (command.kind === 'slo') return new SlotestWorld(command.definition);
  if (world === undefined) throw new SlotestError(file, command.line, 'an slo has to come first');
  switch (command.kind) {
    case 'change':
      world.change(command);
      break;
    case 'alert':
      world.conditions.push(command.condition);
      break;
    case 'load':
      world.load(command);
      break;
    case 'hold':
    case 'down':
      world.holds.push(command);
      break;
    case 'status':
      runStatus(file, world, command);
      break;
    case 'budget':
      runBudget(file, world, command);
      break;
    case 'alerts':
      runAlerts(file, world, command);
      break;
  }
  return world;
}
