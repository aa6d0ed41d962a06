/** Rooms know each other only through their index.ts, and only in the direction of the data. */
const rooms = ['otlp', 'ingest', 'bus', 'stitcher', 'store', 'analytics', 'schemas', 'demo', 'cli'];
const mayUse = {
  otlp: ['schemas'],
  ingest: ['otlp', 'bus', 'schemas'],
  bus: ['schemas'],
  stitcher: ['otlp', 'bus', 'store', 'schemas'],
  store: ['schemas'],
  analytics: ['store', 'schemas'],
  schemas: [],
  demo: ['schemas'],
  // The one place that wires them.
  cli: ['otlp', 'ingest', 'bus', 'stitcher', 'store', 'analytics', 'schemas', 'demo'],
};

module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    ...rooms.map(room => ({
      name: `${room}-direction`,
      severity: 'error',
      comment: `${room} may use: ${mayUse[room].join(', ') || 'no other room'}`,
      from: { path: `^${room}/` },
      to: { path: `^(${rooms.filter(other => other !== room && !mayUse[room].includes(other)).join('|')})/` },
    })),
    ...rooms
      .filter(room => room !== 'schemas')
      .map(room => ({
        name: `${room}-through-its-face`,
        severity: 'error',
        comment: `other rooms import ${room}/index.ts only`,
        from: { pathNot: `^(${room}|test|bench)/`, path: `^(${rooms.join('|')})/` },
        to: { path: `^${room}/(?!index\\.ts$)` },
      })),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.js'] },
  },
};
