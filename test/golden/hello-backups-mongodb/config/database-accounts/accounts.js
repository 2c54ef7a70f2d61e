// Brings the accounts to what berth.yaml says. Changes nothing when nothing is to do.
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

const named = ({ role, db }) => db + '.' + role;
const stateOf = ({ roles, mechanisms, authenticationRestrictions }) =>
  JSON.stringify([roles.map(named).sort(), mechanisms, authenticationRestrictions || []]);
function reconcile(home, user, secret, roles) {
  const wanted = { roles, mechanisms: ['SCRAM-SHA-256'], authenticationRestrictions: [] };
  const owned = admin.getSiblingDB(home);
  const found = owned.getUser(user, { showAuthenticationRestrictions: true });
  if (found === null) return owned.createUser({ user, pwd: secret, ...wanted });
  if (stateOf(found) !== stateOf(wanted)) owned.updateUser(user, { pwd: secret, ...wanted });
  try {
    enter(user, secret, home);
  } catch (error) {
    if (error.codeName !== 'AuthenticationFailed') throw error;
    owned.updateUser(user, { pwd: secret });
  }
}

// an application reads, writes and indexes its own database, and may do nothing in another or to accounts
reconcile(database, account, password, [{ role: "dbAdmin", db: database }, { role: "readWrite", db: database }]);
// Backups read everything, the oplog too, and change nothing.
reconcile('admin', "berth_backup", readFileSync("/run/secrets/database-backup", 'utf8'), [{ role: "backup", db: 'admin' }, { role: "readAnyDatabase", db: 'admin' }]);
