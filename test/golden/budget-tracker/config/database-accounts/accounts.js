// Brings the accounts to what berth.yaml says. Changes nothing when nothing is to do.
disableTelemetry();
const { readFileSync } = require('fs');
const [adminPassword, password] = [readFileSync("/run/secrets/database-admin", 'utf8'), readFileSync("/run/secrets/database-app", 'utf8')];
const [account, database] = ["budget", "budget"];

// Of the members one is written to, and they choose which; `hello` needs no account.
const members = ["database:27017", "database-member-2:27017", "database-member-3:27017"];
const direct = '?directConnection=true&serverSelectionTimeoutMS=2000';
function writtenTo() {
  for (const host of members) {
    try {
      if (connect('mongodb://' + host + '/admin' + direct).runCommand({ hello: 1 }).isWritablePrimary) return host;
    } catch {
      // One that is away may be asked again.
    }
  }
  throw new Error('none of its members can be written to yet');
}
const enter = (user, secret, home) =>
  connect('mongodb://' + user + ':' + encodeURIComponent(secret) + '@' + writtenTo() + '/' + home + direct + '&authSource=' + home);

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

// Members come without a vote, and are given it once they have copied all: until then they must decide nothing. One change at a time, as the server wants it.
const configured = () => admin.runCommand({ replSetGetConfig: 1 }).config;
function change(edit) {
  for (let tries = 0; ; tries += 1) {
    const config = configured();
    edit(config.members);
    config.version += 1;
    try {
      admin.runCommand({ replSetReconfig: config, maxTimeMS: 10000 });
      return;
    } catch (error) {
      // Most members have to know the change before.
      if (error.codeName !== 'CurrentConfigNotCommittedYet' || tries === 18) throw error;
      sleep(1000);
    }
  }
}
const memberAt = (all, host) => all.find((one) => one.host === host);
for (const host of members) {
  if (memberAt(configured().members, host) !== undefined) continue;
  change((all) => all.push({ _id: 1 + Math.max(...all.map(({ _id }) => _id)), host, votes: 0, priority: 0 }));
}
const hasCopied = (host) =>
  admin.runCommand({ replSetGetStatus: 1 }).members.some(({ name, stateStr }) => name === host && stateStr === 'SECONDARY');
for (const host of members) {
  if (memberAt(configured().members, host).votes !== 0) continue;
  for (let tries = 0; !hasCopied(host) && tries < 60; tries += 1) sleep(3000);
  if (hasCopied(host)) change((all) => Object.assign(memberAt(all, host), { votes: 1, priority: 1 }));
  else print(host + ' copies still, and has no vote: this task gives it one when it runs the next time');
}
