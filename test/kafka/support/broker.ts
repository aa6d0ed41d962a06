/**
 * A real Apache Kafka broker: one node in KRaft mode on free loopback ports, in a directory of its own. The jars come by
 * Maven from ../pom.xml, once, into an ignored folder.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Kafka, logLevel } from 'kafkajs';
import { freePorts } from '../../support/throughline.js';

const run = promisify(execFile);
const FOLDER = resolve('test/kafka/.broker');
const LIBS = join(FOLDER, 'libs');
const LOG_LINES_KEPT = 100;
const START_TIMEOUT_MS = 60_000;

/** Fetches the jars unless they are here. Fails, saying what is missing, where Java or Maven is not installed. */
export async function fetchBroker(): Promise<void> {
  for (const [command, flag] of [
    ['java', '-version'],
    ['mvn', '-version'],
  ]) {
    await run(command, [flag]).catch(() => {
      throw new Error(`${command} is missing: the Kafka tests need Java 17 and Maven (or set KAFKA_BROKERS)`);
    });
  }
  if (existsSync(LIBS)) return;
  await mkdir(FOLDER, { recursive: true });
  const half = await mkdtemp(join(FOLDER, 'fetching-'));
  await run('mvn', [
    ...['-q', '-B', '-f', resolve('test/kafka/pom.xml')],
    'dependency:copy-dependencies',
    `-DoutputDirectory=${half}`,
  ]);
  await rename(half, LIBS);
}

export interface BrokerOptions {
  /** Lines of server.properties, over ours. */
  readonly properties?: Readonly<Record<string, string>>;
  /** Listeners beside the plain one, by name: `{ SASL: 'SASL_PLAINTEXT' }`. */
  readonly listeners?: Readonly<Record<string, string>>;
  /** Passwords of users that log in by SCRAM. */
  readonly scramUsers?: Readonly<Record<string, string>>;
}

export class Broker {
  readonly log: string[] = [];
  readonly #directory: string;
  readonly #ports: ReadonlyMap<string, number>;
  #child: ChildProcess | null = null;
  #exited: Promise<void> = Promise.resolve();

  static async start(options: BrokerOptions = {}): Promise<Broker> {
    await fetchBroker();
    const directory = await mkdtemp(join(tmpdir(), 'throughline-kafka-'));
    const names = ['PLAINTEXT', 'CONTROLLER', ...Object.keys(options.listeners ?? {})];
    const ports = await freePorts(names.length);
    const broker = new Broker(directory, new Map(names.map((name, i) => [name, ports[i]])));
    await broker.#format(options);
    await broker.up();
    return broker;
  }

  private constructor(directory: string, ports: ReadonlyMap<string, number>) {
    this.#directory = directory;
    this.#ports = ports;
  }

  get address(): string {
    return this.addressOf('PLAINTEXT');
  }

  addressOf(listener: string): string {
    return `127.0.0.1:${this.#ports.get(listener)}`;
  }

  /** Starts (again) on the same ports and data, and waits until it answers. */
  async up(): Promise<void> {
    this.#spawn();
    const deadline = performance.now() + START_TIMEOUT_MS;
    for (;;) {
      if (this.#child?.exitCode !== null || performance.now() > deadline) {
        throw new Error(`the broker did not start:\n${this.log.join('\n')}`);
      }
      if (await this.#answers()) return;
      await sleep(200);
    }
  }

  /** kill -9. */
  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#exited;
  }

  async stop(): Promise<void> {
    this.#child?.kill('SIGTERM');
    await this.#exited;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  async destroy(): Promise<void> {
    await this.kill();
    await rm(this.#directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }

  async #format({ properties = {}, listeners = {}, scramUsers = {} }: BrokerOptions): Promise<void> {
    const brokerListeners = [...this.#ports.keys()].filter(name => name !== 'CONTROLLER');
    const at = (names: readonly string[]) => names.map(name => `${name}://${this.addressOf(name)}`).join(',');
    const protocols = { PLAINTEXT: 'PLAINTEXT', CONTROLLER: 'PLAINTEXT', ...listeners };
    const all: Record<string, string> = {
      'process.roles': 'broker,controller',
      'node.id': '1',
      'controller.quorum.voters': `1@${this.addressOf('CONTROLLER')}`,
      'controller.listener.names': 'CONTROLLER',
      'inter.broker.listener.name': 'PLAINTEXT',
      listeners: at([...brokerListeners, 'CONTROLLER']),
      'advertised.listeners': at(brokerListeners),
      'listener.security.protocol.map': Object.entries(protocols)
        .map(([name, protocol]) => `${name}:${protocol}`)
        .join(','),
      'log.dirs': join(this.#directory, 'data'),
      'offsets.topic.replication.factor': '1',
      'offsets.topic.num.partitions': '4',
      'transaction.state.log.replication.factor': '1',
      'transaction.state.log.min.isr': '1',
      'share.coordinator.state.topic.replication.factor': '1',
      'share.coordinator.state.topic.min.isr': '1',
      'group.initial.rebalance.delay.ms': '0',
      'auto.create.topics.enable': 'false',
      ...properties,
    };
    const text = Object.entries(all).map(([key, value]) => `${key}=${value}\n`);
    await writeFile(this.#propertiesFile, text.join(''));
    // The first byte is 0, so that no id looks like an option of the tool.
    const clusterId = Buffer.concat([Buffer.alloc(1), randomBytes(15)]).toString('base64url');
    const users = Object.entries(scramUsers).flatMap(([name, password]) =>
      ['SCRAM-SHA-256', 'SCRAM-SHA-512'].flatMap(how => ['-S', `${how}=[name=${name},password=${password}]`]),
    );
    await run('java', [
      ...['-cp', join(LIBS, '*'), 'kafka.tools.StorageTool', 'format'],
      ...['-t', clusterId, '-c', this.#propertiesFile, ...users],
    ]);
  }

  get #propertiesFile(): string {
    return join(this.#directory, 'server.properties');
  }

  #spawn(): void {
    const flags = ['-Xmx512m', '-Xms256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'];
    const child = spawn('java', [...flags, '-cp', join(LIBS, '*'), 'kafka.Kafka', this.#propertiesFile], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#exited = new Promise(exited => child.once('exit', () => exited()));
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.log.push(...text.split('\n').filter(line => line !== ''));
        this.log.splice(0, this.log.length - LOG_LINES_KEPT);
      });
    }
  }

  async #answers(): Promise<boolean> {
    const kafka = new Kafka({ brokers: [this.address], logLevel: logLevel.NOTHING, retry: { retries: 0 } });
    const admin = kafka.admin();
    try {
      await admin.connect();
      return (await admin.describeCluster()).brokers.length > 0;
    } catch {
      return false;
    } finally {
      await admin.disconnect().catch(() => {});
    }
  }
}
