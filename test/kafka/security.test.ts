/** TLS and SASL, against a broker that insists on them. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type BusError, type KafkaBusOptions, openKafkaBus } from '../../bus/index.js';
import { Broker } from './support/broker.js';
import { closeLater, optionsFor, pointsAfter, record, take, text } from './support/bus.js';
import { type Certificates, makeCertificates } from './support/certificates.js';
import { type LogLine, logInto } from './support/log.js';

const PASSWORD = 'hunter2-is-secret';
let certificates: Certificates;
let broker: Broker;

beforeAll(async () => {
  certificates = await makeCertificates();
  const login = (module: string, rest: string) => `org.apache.kafka.common.security.${module} required ${rest};`;
  const pem = (listener: string) => ({
    [`listener.name.${listener}.ssl.keystore.type`]: 'PEM',
    [`listener.name.${listener}.ssl.keystore.location`]: certificates.serverFile,
    [`listener.name.${listener}.ssl.truststore.type`]: 'PEM',
    [`listener.name.${listener}.ssl.truststore.location`]: certificates.caFile,
  });
  broker = await Broker.start({
    listeners: { SASL: 'SASL_PLAINTEXT', TLS: 'SSL', MUTUAL: 'SSL', BOTH: 'SASL_SSL' },
    scramUsers: { scram: PASSWORD },
    properties: {
      'sasl.enabled.mechanisms': 'PLAIN,SCRAM-SHA-256,SCRAM-SHA-512',
      ...Object.fromEntries(
        ['sasl', 'both'].flatMap(listener => [
          [
            `listener.name.${listener}.plain.sasl.jaas.config`,
            login('plain.PlainLoginModule', `user_plain="${PASSWORD}"`),
          ],
          [`listener.name.${listener}.scram-sha-256.sasl.jaas.config`, login('scram.ScramLoginModule', '')],
          [`listener.name.${listener}.scram-sha-512.sasl.jaas.config`, login('scram.ScramLoginModule', '')],
        ]),
      ),
      ...pem('tls'),
      ...pem('mutual'),
      ...pem('both'),
      'listener.name.mutual.ssl.client.auth': 'required',
    },
  });
});

afterAll(async () => {
  await broker?.destroy();
  await certificates?.remove();
});

const sasl = (mechanism: 'plain' | 'scram-sha-256' | 'scram-sha-512', password = PASSWORD) => ({
  mechanism,
  username: mechanism === 'plain' ? 'plain' : 'scram',
  password,
});

/** There and back: producer, admin and consumer each log in. */
async function roundTrip(options: KafkaBusOptions): Promise<void> {
  const bus = closeLater(await openKafkaBus(options));
  const consumer = await bus.consumer();
  await bus.publish([record(0, 'a')]);
  const records = await take(consumer, 1);
  expect(records.map(text)).toEqual(['a']);
  await consumer.commit(pointsAfter(records));
  expect((await bus.offsets())[0].committedOffset).toBe(1);
}

describe('a login', () => {
  it.each(['plain', 'scram-sha-256', 'scram-sha-512'] as const)('by %s is taken', async mechanism => {
    await roundTrip(optionsFor({ brokers: [broker.addressOf('SASL')], sasl: sasl(mechanism) }));
  });

  it.each(['plain', 'scram-sha-512'] as const)('by %s with a wrong password is refused at once', async mechanism => {
    const lines: LogLine[] = [];
    const logger = logInto(lines);
    const wrong = `${PASSWORD}-not`;
    const opening = openKafkaBus(
      optionsFor({ brokers: [broker.addressOf('SASL')], sasl: sasl(mechanism, wrong), logger }),
    );
    const error: BusError = await opening.then(
      () => expect.unreachable('it was let in'),
      refusal => refusal,
    );
    expect(error).toMatchObject({ code: 'BUS_REFUSED', retryable: false });
    expect(error.message).toContain(broker.addressOf('SASL'));
    expect(JSON.stringify(lines) + error.message + error.stack).not.toContain(wrong);
  });

  it('through TLS is taken', async () => {
    const brokers = [broker.addressOf('BOTH')];
    await roundTrip(optionsFor({ brokers, tls: { ca: certificates.ca }, sasl: sasl('scram-sha-256') }));
  });
});

describe('TLS', () => {
  it('with the authority of the brokers', async () => {
    await roundTrip(optionsFor({ brokers: [broker.addressOf('TLS')], tls: { ca: certificates.ca } }));
  });

  it('with a certificate of ours, where the brokers ask for one', async () => {
    const { ca, clientCert: cert, clientKey: key } = certificates;
    await roundTrip(optionsFor({ brokers: [broker.addressOf('MUTUAL')], tls: { ca, cert, key } }));
  });

  it('with an authority that is not known is refused at once', async () => {
    const opening = openKafkaBus(optionsFor({ brokers: [broker.addressOf('TLS')], tls: {} }));
    await expect(opening).rejects.toMatchObject({ code: 'BUS_REFUSED', message: /certificate|self.signed/ });
  });

  it('without the certificate that the brokers ask for is refused at once', async () => {
    const { ca } = certificates;
    const opening = openKafkaBus(optionsFor({ brokers: [broker.addressOf('MUTUAL')], tls: { ca } }));
    await expect(opening).rejects.toMatchObject({ code: 'BUS_REFUSED', message: /certificate/ });
  });
});

it.each([
  ['plain text to a TLS listener', 'TLS', undefined],
  ['TLS to a listener of plain text', 'PLAINTEXT', {}],
] as const)(
  '%s is waited for, as a broker that starts would be, with a hint in the log',
  async (_case, listener, tls) => {
    const lines: LogLine[] = [];
    const stop = new AbortController();
    const opening = openKafkaBus(
      optionsFor({ brokers: [broker.addressOf(listener)], tls, logger: logInto(lines), signal: stop.signal }),
    );
    const deadline = performance.now() + 20_000;
    while (!lines.some(({ msg }) => msg === 'waiting for Kafka')) {
      if (performance.now() > deadline) throw new Error('no line');
      await new Promise(soon => setTimeout(soon, 100));
    }
    stop.abort();
    await expect(opening).rejects.toMatchObject({ code: 'BUS_CLOSED' });
    const waiting = lines.find(({ msg }) => msg === 'waiting for Kafka');
    expect(waiting?.reason).toMatch(/closed|disconnected|TLS/i);
  },
);
