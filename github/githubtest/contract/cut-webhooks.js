// Cuts GitHub's description of webhooks down to the actions that Lockkeeper
// listens to, as one JSON Schema whose $defs hold a schema for each of them,
// named "pull_request.opened".
//
//     node cut-webhooks.js SPEC ACTIONS VERSION OUT
//
// SPEC is @octokit/openapi-webhooks' generated/api.github.com.json, ACTIONS a file
// of names such as pull-request/opened, VERSION the package's version, which OUT
// records.
'use strict';

const fs = require('fs');

const [specFile, actionsFile, version, outFile] = process.argv.slice(2);
const spec = JSON.parse(fs.readFileSync(specFile, 'utf8'));
const wanted = fs.readFileSync(actionsFile, 'utf8')
  .split('\n')
  .map((line) => line.replace(/#.*/, '').trim())
  .filter((line) => line !== '');

const defs = {};
for (const action of wanted) {
  const hook = Object.values(spec.webhooks).find((each) => each.post.operationId === action);
  if (!hook) {
    console.error('no such action:', action);
    process.exit(1);
  }
  const [event, name] = action.split('/');
  const key = event.replaceAll('-', '_') + (name ? '.' + name.replaceAll('-', '_') : '');
  defs[key] = take(hook.post.requestBody.content['application/json'].schema);
}

fs.writeFileSync(outFile, JSON.stringify({
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  $comment: `cut from @octokit/openapi-webhooks ${version}`,
  $defs: defs,
}) + '\n');

// take copies a schema without what is for people, with its references moved to
// $defs, and takes along what it refers to.
function take(schema, keysAreNames = false) {
  if (Array.isArray(schema)) return schema.map((each) => take(each));
  if (!schema || typeof schema !== 'object') return schema;
  if (typeof schema.$ref === 'string') {
    const name = schema.$ref.match(/^#\/components\/schemas\/(.+)$/)[1];
    if (!(name in defs)) {
      defs[name] = {}; // before its members, which may refer back
      defs[name] = take(spec.components.schemas[name]);
    }
    return { $ref: '#/$defs/' + name };
  }
  const out = {};
  for (const [key, value] of Object.entries(schema)) {
    if (!keysAreNames) {
      if (['description', 'title', 'example', 'examples', 'externalDocs'].includes(key) || key.startsWith('x-')) continue;
      // enum and const hold values, which are not schemas.
      if (key === 'enum' || key === 'const' || key === 'default') {
        out[key] = value;
        continue;
      }
    }
    // Lists of an App's events are older than merge_group.
    if (keysAreNames && key === 'events' && value.items?.enum) {
      out[key] = { type: 'array', items: { type: 'string' } };
      continue;
    }
    out[key] = take(value, !keysAreNames && (key === 'properties' || key === 'patternProperties'));
  }
  return out;
}
