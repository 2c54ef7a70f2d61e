// What an operator asks of the replica set, by the variable DO: status, step-down or alone.
disableTelemetry();
const { readFileSync } = require('fs');
const password = encodeURIComponent(readFileSync("/run/secrets/database-admin", 'utf8'));
const enter = (host) =>
  connect('mongodb://root:' + password + '@' + host + '/admin?directConnection=true&serverSelectionTimeoutMS=5000&authSource=admin');
const here = enter('127.0.0.1:27017');
const wish = process.env.DO;
if (wish === 'status') {
  for (const { name, stateStr, optimeDate } of here.runCommand({ replSetGetStatus: 1 }).members)
    print(name + ' ' + stateStr + (optimeDate ? ' ' + optimeDate.toISOString() : ''));
} else if (wish === 'step-down') {
  const primary = here.runCommand({ hello: 1 }).primary;
  if (primary === undefined) throw new Error('no member is written to: nobody can step down');
  enter(primary).runCommand({ replSetStepDown: 120, secondaryCatchUpPeriodSecs: 30 });
  print(primary + ' is not written to for two minutes; the others choose another one');
} else if (wish === 'alone') {
  // What the others had that this one has not is lost. They come back empty.
  const config = here.runCommand({ replSetGetConfig: 1 }).config;
  const me = here.runCommand({ hello: 1 }).me;
  config.members = config.members.filter(({ host }) => host === me).map((one) => Object.assign(one, { votes: 1, priority: 1 }));
  if (config.members.length !== 1) throw new Error('this server is no member: ' + me);
  config.version += 1;
  here.runCommand({ replSetReconfig: config, force: true });
  print(me + ' is the only member now');
} else throw new Error('DO has to be status, step-down or alone');
