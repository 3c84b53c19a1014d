// Reads a dashboard and prints one line per query as JSON: the query with Grafana's variables replaced, its metrics, and where it
// stands. Fails where a query is not PromQL.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const [folder, file] = process.argv.slice(2);
const { parser } = createRequire(`${folder}/`)('@prometheus-io/lezer-promql');
const dashboard = JSON.parse(readFileSync(file, 'utf8'));
const asked = dashboard.panels.flatMap(panel => (panel.targets ?? []).map(target => [panel.title, target.expr]));
for (const [title, text] of asked) {
  const query = text.replaceAll('$job', '.*').replaceAll('$__rate_interval', '10s');
  const metrics = [];
  parser.parse(query).iterate({
    enter(node) {
      if (node.type.isError) {
        throw new Error(`${title}: ${query} is not PromQL at ${node.from}`);
      }
      if (node.name === 'VectorSelector') {
        metrics.push(query.slice(node.from, node.to).split('{')[0].trim());
      }
    },
  });
  console.log(JSON.stringify({ title, query, metrics }));
}
