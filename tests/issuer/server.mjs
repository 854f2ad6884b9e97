// An OpenID provider (the certified `oidc-provider`) for tests: two resource servers, of which one gets JWTs and
// one opaque tokens. Says its URL on standard output when it is ready.
import { createServer } from 'node:http';
import Provider from 'oidc-provider';

const scope = 'mcp:read mcp:change mcp:danger';
const client = (id) => ({
  client_id: id, client_secret: `${id}-secret`, grant_types: ['client_credentials'], redirect_uris: [],
  response_types: [],
});
const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const url = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(url, {
    clients: [client('agent'), client('steward')],
    scopes: scope.split(' '),
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      introspection: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_, resource) => ({
          scope, audience: resource, accessTokenTTL: 60,
          accessTokenFormat: resource.includes('opaque') ? 'opaque' : 'jwt',
        }),
      },
    },
  });
  server.on('request', provider.callback());
  console.log(url);
});
