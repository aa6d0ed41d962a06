/** Leaves of SLO documents, each saying what would be valid. Nothing is changed on the way: a document stays as written. */
import { z } from 'zod';
import { parseShorthand, SHORTHAND_FORMS } from './shorthand.js';

const NAME = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const NAME_FORM =
  'give a name of up to 63 lower-case letters, digits and dashes that begins and ends with a letter or digit';

/** A section whose keys are all known. */
export const section = <Shape extends z.ZodRawShape>(shape: Shape) =>
  z.strictObject(shape, {
    error: issue =>
      issue.code === 'invalid_type' ? `give a section with ${Object.keys(shape).slice(0, 8).join(', ')}` : undefined,
  });

export const dnsName = () => z.string({ error: NAME_FORM }).regex(NAME, NAME_FORM);

export const words = (valid: string) => {
  const error = `give ${valid}, in quotes if it looks like a number`;
  return z.string({ error }).min(1, error);
};

export const oneOf = <const Name extends string>(...names: readonly Name[]) =>
  z.enum(names, { error: `give one of ${names.join(', ')}` });

export const flag = () => z.boolean({ error: 'give true or false' });

export const decimal = (valid: string) => z.number({ error: `give ${valid}` });

export const shorthand = (least = 1, valid = SHORTHAND_FORMS) => {
  const error = `give ${valid}`;
  const isValid = (text: string) => (parseShorthand(text)?.count ?? -1) >= least;
  return z.string({ error }).refine(isValid, error);
};

export const description = () => words('text').max(1050, 'give at most 1050 characters').optional();

export const list = <Item extends z.ZodType>(item: Item, valid: string) =>
  z.array(item, { error: `give a list of ${valid}` });
