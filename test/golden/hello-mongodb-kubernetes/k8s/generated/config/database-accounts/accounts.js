// Brings the account of the application to what berth.yaml says. Changes nothing when nothing is to do.
disableTelemetry();
const { readFileSync } = require('fs');
const [adminPassword, password] = [readFileSync("/run/secrets/database-admin", 'utf8'), readFileSync("/run/secrets/database-app", 'utf8')];
const [account, database] = ["hello", "hello"];

function enter(user, secret, home) {
  const options = '?directConnection=true&serverSelectionTimeoutMS=2000&authSource=' + home;
  const entered = connect('mongodb://' + user + ':' + encodeURIComponent(secret) + '@database:27017/' + home + options);
  if (!entered.runCommand({ hello: 1 }).isWritablePrimary) throw new Error('it cannot be written to yet');
  return entered;
}

// Compose would recreate whatever depends on a recreated database, so this waits by itself.
let admin;
for (let tries = 0; admin === undefined; tries += 1) {
  try {
    admin = enter("root", adminPassword, 'admin');
  } catch (error) {
    if (tries === 90) throw new Error('the database database does not let its administrator in after three minutes: ' + error.message, { cause: error });
    sleep(2000);
  }
}

// an application reads, writes and indexes its own database, and may do nothing in another or to accounts
const wanted = {
  roles: [{ role: "dbAdmin", db: database }, { role: "readWrite", db: database }],
  mechanisms: ['SCRAM-SHA-256'],
  authenticationRestrictions: [],
};
const owned = admin.getSiblingDB(database);
const named = ({ role, db }) => db + '.' + role;
const stateOf = ({ roles, mechanisms, authenticationRestrictions }) =>
  JSON.stringify([roles.map(named).sort(), mechanisms, authenticationRestrictions || []]);
const found = owned.getUser(account, { showAuthenticationRestrictions: true });
if (found === null) owned.createUser({ user: account, pwd: password, ...wanted });
else {
  if (stateOf(found) !== stateOf(wanted)) owned.updateUser(account, { pwd: password, ...wanted });
  try {
    enter(account, password, database);
  } catch (error) {
    if (error.codeName !== 'AuthenticationFailed') throw error;
    owned.updateUser(account, { pwd: password });
  }
}
