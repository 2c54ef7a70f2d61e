import { IMAGES } from './images.ts';

/** Of a spec, an application that is as little as there may be beside a database. */
export const smallApplication = `services:
  web:
    image: ${IMAGES.node.reference}
    runtime: node
    port: 3000
    replicas: 1
    memory: 256Mi
    pool: 2
    uses: [database]
    routes: [{ path: / }]
    entrypoint: [node]
    command: ["-e", "require('http').createServer((q, s) => s.end('here')).listen(3000)"]
`;
