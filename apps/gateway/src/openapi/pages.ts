import { problems } from '@polyvirt/contracts';

export const docsPage = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Polyvirt API</title>
    <link rel="icon" href="/docs/assets/favicon-32x32.png">
    <link rel="stylesheet" href="/docs/assets/swagger-ui.css">
  </head>
  <body>
    <div id="swagger-ui"></div>
    <script src="/docs/assets/swagger-ui-bundle.js"></script>
    <script src="/docs/start.js"></script>
  </body>
</html>
`;

export const docsScript = `SwaggerUIBundle({
  url: '/api/v1/openapi.json',
  dom_id: '#swagger-ui',
  deepLinking: true,
  displayRequestDuration: true,
  filter: true,
  tryItOutEnabled: true,
  validatorUrl: null,
});
`;

/** Where the `type` of every problem leads. */
export const problemsPage = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>Polyvirt problems</title>
  </head>
  <body>
    <h1>Problems</h1>
    <p>Decide on the <code>code</code>. The <code>detail</code> of a problem says what happened and what to do next;
      the log of the gateway has its cause under the <code>requestId</code>.</p>
    <table>
      <thead><tr><th>Code</th><th>HTTP</th><th>Meaning</th><th>May the same request succeed later?</th></tr></thead>
      <tbody>
${Object.entries(problems)
  .map(
    ([code, { status, title, retryable }]) =>
      `        <tr id="${code}"><td><code>${code}</code></td><td>${status}</td><td>${title}</td><td>${retryable ? 'yes' : 'no'}</td></tr>`,
  )
  .join('\n')}
      </tbody>
    </table>
  </body>
</html>
`;
