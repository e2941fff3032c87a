// Cuts GitHub's OpenAPI description down to the operations that Lockkeeper uses.
//
//     node cut.js SPEC OPERATIONS VERSION OUT
//
// SPEC is @octokit/openapi's generated/api.github.com.json or another of its files,
// OPERATIONS a file of operation ids, VERSION the package's version, which OUT records. What remains
// are the operations, the components that they reach, and nothing to read:
// descriptions and examples go, since several of the examples fail their own
// schemas. Request bodies are closed (additionalProperties: false), so that a
// misspelt field is a violation.
'use strict';

const fs = require('fs');

// Under these keywords the keys are names: a property called "description" and
// a header called "x-rate-limit-limit" must stay.
const namesBelow = new Set(['properties', 'patternProperties', 'headers', 'responses']);

const [specFile, operationsFile, version, outFile] = process.argv.slice(2);
const spec = JSON.parse(fs.readFileSync(specFile, 'utf8'));
const wanted = new Set(
  fs.readFileSync(operationsFile, 'utf8')
    .split('\n')
    .map((line) => line.replace(/#.*/, '').trim())
    .filter((line) => line !== ''),
);

const paths = selectPaths(spec.paths, wanted);
if (wanted.size > 0) {
  console.error('no such operations:', [...wanted].join(' '));
  process.exit(1);
}
correct(paths);
for (const item of Object.values(paths)) {
  for (const operation of Object.values(item)) closeRequestBody(operation);
}
dropProse(paths, true);
for (const members of Object.values(spec.components)) dropProse(members, true);
const components = reachable(paths);

fs.writeFileSync(outFile, JSON.stringify({
  openapi: spec.openapi,
  info: {
    title: spec.info.title,
    version: spec.info.version,
    license: spec.info.license,
    'x-cut-from': `@octokit/openapi ${version}`,
  },
  servers: spec.servers,
  paths,
  components,
}) + '\n');

// selectPaths keeps the wanted operations and takes them out of wanted.
function selectPaths(all, wanted) {
  const kept = {};
  for (const [path, item] of Object.entries(all)) {
    for (const [method, operation] of Object.entries(item)) {
      if (!operation || !wanted.has(operation.operationId)) continue;
      wanted.delete(operation.operationId);
      kept[path] ??= item.parameters ? { parameters: item.parameters } : {};
      kept[path][method] = operation;
    }
  }
  return kept;
}

// correct mends what the description has wrong. Its list of installations wants
// each account to be a user and an enterprise at once; the single installation
// has it right.
function correct(paths) {
  const list = paths['/app/installations']?.get;
  if (list) list.responses['200'].content['application/json'].schema.items = { $ref: '#/components/schemas/installation' };
}

// closeRequestBody forbids fields that the description does not name.
function closeRequestBody(operation) {
  for (const media of Object.values(operation?.requestBody?.content ?? {})) close(media.schema);
}

function close(schema) {
  if (!schema || typeof schema !== 'object') return;
  if (schema.properties && schema.additionalProperties === undefined) schema.additionalProperties = false;
  for (const property of Object.values(schema.properties ?? {})) close(property);
  close(schema.items);
  // Branches of anyOf and oneOf repeat some of the properties beside them: to
  // close one would forbid the others.
  if (!schema.properties) {
    for (const branch of [...(schema.anyOf ?? []), ...(schema.oneOf ?? [])]) close(branch);
  }
}

// dropProse removes what is for people. keysAreNames says that value's own keys
// are names, not keywords.
function dropProse(value, keysAreNames) {
  if (Array.isArray(value)) {
    for (const element of value) dropProse(element, false);
    return;
  }
  if (!value || typeof value !== 'object') return;
  if (!keysAreNames) {
    for (const key of ['example', 'examples', 'externalDocs', 'tags', 'summary']) delete value[key];
    for (const key of Object.keys(value)) if (key.startsWith('x-')) delete value[key];
    // A response must have a description; elsewhere it may go.
    if (typeof value.description === 'string') {
      if (value.content || value.headers || isBareResponse(value)) value.description = '';
      else delete value.description;
    }
  }
  for (const [key, child] of Object.entries(value)) {
    dropProse(child, !keysAreNames && namesBelow.has(key));
  }
}

function isBareResponse(value) {
  return Object.keys(value).length === 1;
}

// reachable collects the components that value refers to, and those that these
// refer to.
function reachable(value) {
  const found = {};
  const visit = (node) => {
    if (Array.isArray(node)) return node.forEach(visit);
    if (!node || typeof node !== 'object') return;
    if (typeof node.$ref !== 'string') return Object.values(node).forEach(visit);
    const [, kind, name] = node.$ref.match(/^#\/components\/([^/]+)\/(.+)$/);
    if (found[kind]?.[name]) return;
    (found[kind] ??= {})[name] = spec.components[kind][name];
    visit(found[kind][name]);
  };
  visit(value);
  return found;
}
