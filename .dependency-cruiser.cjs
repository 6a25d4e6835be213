/** The layers of ARCHITECTURE.md, as rules. `test/tidy` proves that each of them can fail. */
const siblings =
  'station|admission|routing|transactions|commands|outage|quirks|migration|shadow|journal|events|sessions|priming|ids';
const only = (name, from, allowed) => ({
  name,
  severity: 'error',
  from: { path: from, pathNot: '\\.test\\.ts$' },
  // Node's own modules resolve to bare names such as `net`; a rule that lets `node:` in means those.
  to: { pathNot: allowed, path: '.', ...(allowed.includes('node:') ? { dependencyTypesNot: ['core'] } : {}) },
});
module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    only('std-imports-nothing', '^src/std/', '^src/std/'),
    only('protocol-imports-std', '^src/protocol/', '^src/(std|protocol)/'),
    only('core-is-pure', '^src/core/', '^src/(std|protocol|core)/'),
    {
      name: 'core-siblings-never-import-station',
      severity: 'error',
      from: { path: `^src/core/(?!station/)(${siblings})/`, pathNot: '\\.test\\.ts$' },
      to: { path: '^src/core/station/' },
    },
    only('ports-are-types', '^src/ports/', '^src/(std|protocol|core|ports)/'),
    only('runtime-imports-no-adapter', '^src/runtime/', '^(src/(std|protocol|core|ports|runtime)/|node:)'),
    only(
      'control-imports-no-adapter',
      '^src/control/',
      '^(src/(std|protocol|core|ports|control)/|node:|node_modules/(yaml|typebox|ajv)/)',
    ),
    only(
      'adapters-import-ports',
      '^src/adapters/',
      '^(src/(std|protocol|core|ports|adapters)/|node:|node_modules/)',
    ),
    {
      name: 'adapters-never-import-one-another',
      severity: 'error',
      from: { path: '^src/adapters/([^/]+)/' },
      to: { path: '^src/adapters/', pathNot: '^src/adapters/$1/' },
    },
    {
      // What ships speaks WebSocket by adapters/websocket; `ws` is the peer it is held against (ADR 0010).
      name: 'only-the-testkit-imports-ws',
      severity: 'error',
      from: { path: '^src/(?!testkit/)', pathNot: '\\.test\\.ts$' },
      to: { path: 'node_modules/(@types/)?ws/' },
    },
    only(
      'api-imports-control',
      '^src/api/',
      '^(src/(std|protocol|core|ports|control|api)/|node:|node_modules/)',
    ),
    only('cli-imports-the-client', '^src/cli/', '^(src/(std|api|cli)/|node:|node_modules/)'),
    {
      name: 'only-main-puts-things-together',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/(main\\.ts$|app/)' },
      to: { path: '^src/app/' },
    },
    {
      name: 'nothing-imports-main',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/main\\.ts$' },
      to: { path: '^src/main\\.ts$' },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    preserveSymlinks: true,
    tsConfig: { fileName: 'tsconfig.base.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
