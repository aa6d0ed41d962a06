import { describe, expect, test } from 'vitest';
import { BusError } from '../../bus/index.js';
import { urlOf } from '../../cli/addresses.js';
import { ConfigError, loadConfig } from '../../cli/config.js';
import { explain, namingResource } from '../../cli/errors.js';
import { readable } from '../../cli/log-text.js';

describe('an address of the configuration, as a client here reaches it', () => {
  test.each([
    ['127.0.0.1', 4318, false, 'http://127.0.0.1:4318'],
    ['0.0.0.0', 4318, false, 'http://127.0.0.1:4318'],
    ['::', 4318, false, 'http://[::1]:4318'],
    ['fe80::1', 4318, true, 'https://[fe80::1]:4318'],
    ['otel.example', 443, true, 'https://otel.example:443'],
  ])('%s', (host, port, isTls, url) => {
    expect(urlOf(host, port, isTls)).toBe(url);
    expect(new URL(url).href).toContain(host === 'otel.example' ? host : '');
  });
});

describe('an error, to the person at the terminal', () => {
  test('of the configuration is a list', () => {
    expect(explain(new ConfigError(['a is 1', 'b is 2']))).toBe(
      'The configuration cannot be used:\n  a is 1\n  b is 2',
    );
  });

  test('with a code begins with it, once', () => {
    expect(explain(new BusError('BUS_CORRUPT', 'not a log'))).toBe('BUS_CORRUPT: not a log');
    const system = Object.assign(new Error('ENOENT: no such file'), { code: 'ENOENT' });
    expect(explain(system)).toBe('ENOENT: no such file');
  });

  test('that is a bug of ours keeps its stack', () => {
    expect(explain(new TypeError('x is not a function'))).toMatch(/^TypeError: x is not a function\n\s+at /);
  });

  test('by Ctrl-C is no more than that', () => {
    expect(explain(new DOMException('aborted', 'AbortError'))).toBe('interrupted');
  });
});

describe('what is taken or used up', () => {
  const config = loadConfig({ env: {} });

  test.each([
    [4318, 'ingest.http.port'],
    [4317, 'ingest.grpc.port'],
    [4320, 'analytics.port'],
    [8123, 'store.embedded.port'],
  ])('port %i is named by %s', (port, setting) => {
    const error = new Error(`listen EADDRINUSE: address already in use 127.0.0.1:${port}`);
    expect((namingResource(error, config) as Error).message).toBe(
      `${setting} is ${port}, which another program (or another Throughline) uses: stop that, or set ${setting}`,
    );
  });

  test('a full disk is named by the data directory', () => {
    const error = new Error('ENOSPC: no space left on device, write');
    expect((namingResource(error, { ...config, dataDir: '/data' }) as Error).message).toBe(
      'the disk of /data is full: make room on it, then start again (ENOSPC: no space left on device, write)',
    );
  });

  test('other errors stay what they are', () => {
    const error = new Error('something else');
    expect(namingResource(error, config)).toBe(error);
  });
});

describe('a line of the log on a terminal', () => {
  test('has time, level, role, message and what else it says', () => {
    const line =
      '{"level":40,"time":"2026-11-24T10:31:02.123Z","role":"ingest","spans":3,"reason":"no id","msg":"refused"}\n';
    expect(readable(line)).toBe('10:31:02.123 WARN  ingest: refused spans=3 reason="no id"\n');
  });

  test('has the stack of an error below it', () => {
    const line =
      '{"level":50,"time":"2026-11-24T10:31:02.123Z","err":{"message":"m","stack":"Error: m\\n    at f"},"msg":"failed"}\n';
    expect(readable(line)).toBe('10:31:02.123 ERROR failed\n  Error: m\n      at f\n');
  });

  test('that is no JSON stays as it is', () => {
    expect(readable('plain\n')).toBe('plain\n');
  });
});
