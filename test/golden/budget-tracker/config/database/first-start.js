// Begins the replica set and makes the administrator, from the server's own host. What is there already stays as it is.
disableTelemetry();
const { readFileSync } = require('fs');
const password = readFileSync("/run/secrets/database-admin", 'utf8');
const here = '127.0.0.1:27017/admin?directConnection=true&serverSelectionTimeoutMS=5000';

const asAdministrator = () => connect('mongodb://root:' + encodeURIComponent(password) + '@' + here + '&authSource=admin');
function letsIn() {
  try {
    asAdministrator().runCommand({ ping: 1 });
    return true;
  } catch (error) {
    if (error.codeName === 'AuthenticationFailed') return false;
    throw error;
  }
}

const server = connect('mongodb://' + here);
// One whose volume was emptied is taken in again by the others, and must not begin a set of its own: so all of them are asked, and have to answer.
const others = ["database-member-2:27017", "database-member-3:27017"];
const knowsTheSet = (host) => connect('mongodb://' + host + '/admin?directConnection=true&serverSelectionTimeoutMS=5000').runCommand({ hello: 1 }).setName !== undefined;
if (server.runCommand({ hello: 1 }).setName === undefined && others.filter(knowsTheSet).length === 0) {
  const initiate = { replSetInitiate: { _id: "rs0", members: [{ _id: 0, host: "database:27017" }] } };
  try {
    server.runCommand(initiate);
  } catch (error) {
    // Data that were put back bring their accounts along, and are in no set: nobody may do this any more without one.
    if (error.codeName !== 'Unauthorized') throw error;
    asAdministrator().runCommand(initiate);
  }
}
// With the data of the others it has their administrator, too.
const belongs = ({ isWritablePrimary, secondary }) => isWritablePrimary || secondary;
for (let tries = 0; !belongs(server.runCommand({ hello: 1 })); tries += 1) {
  if (tries === 60) throw new Error('the set has no primary after a minute');
  sleep(1000);
}
if (!letsIn()) {
  server.createUser({ user: "root", pwd: password, roles: ['root'], mechanisms: ['SCRAM-SHA-256'] });
  if (!letsIn()) throw new Error('the administrator was made and is not let in');
}
