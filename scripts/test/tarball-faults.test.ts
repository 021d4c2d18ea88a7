import { expect, test } from 'vitest'
import { tarballFaults } from '../tarball-faults.mjs'

const files = ['package.json', 'README.md', 'LICENSE', 'dist/index.js', 'dist/index.d.ts']
const manifest = {
  name: '@waybill/kafka',
  exports: {
    '.': { types: './dist/index.d.ts', default: './dist/index.js' },
    './package.json': './package.json',
  },
  dependencies: { '@waybill/core': '^0.1.0' },
  peerDependencies: { '@opentelemetry/api': '>=1.9.0 <2', kafkajs: '>=2.2 <3' },
}

test('a clean tarball has no fault', () => {
  expect(tarballFaults(files, manifest)).toEqual([])
})

test.each([
  ['dist/.tsbuildinfo', 'a build state'],
  ['dist/carrier.test.js', 'a test'],
  ['test/carrier.js', 'a test'],
  ['src/index.ts', 'a source'],
])('%s is %s', (file, fault) => {
  expect(tarballFaults([...files, file], manifest)).toEqual([`${file}: ${fault}`])
})

test('the source condition must not be published', () => {
  const exports = { '.': { 'waybill-source': './dist/index.js', default: './dist/index.js' } }
  expect(tarballFaults(files, { ...manifest, exports })).toEqual([
    expect.stringContaining('exports has the condition waybill-source'),
  ])
})

test('what exports names must be there', () => {
  const exports = { ...manifest.exports, './testing': { default: './dist/testing.js' } }
  expect(tarballFaults(files, { ...manifest, exports })).toEqual([
    'exports names dist/testing.js, which is not here',
  ])
})

test.each(['dependencies', 'peerDependencies', 'optionalDependencies'])(
  'no range of the workspace in %s',
  (field) => {
    for (const range of ['workspace:^', 'catalog:', 'link:../core']) {
      const faulty = { ...manifest, [field]: { '@waybill/core': range } }
      expect(tarballFaults(files, faulty)).toEqual([`${field}: @waybill/core is ${range}`])
    }
  },
)

test('OpenTelemetry is a peer, or an app has two copies', () => {
  const faulty = { ...manifest, dependencies: { '@opentelemetry/api': '^1.9.0' } }
  expect(tarballFaults(files, faulty)).toEqual([expect.stringContaining('@opentelemetry/api must be peers')])
})

test('an empty build is no package', () => {
  expect(tarballFaults(['package.json'], { exports: {} })).toEqual(['no JavaScript in dist: build first'])
})
