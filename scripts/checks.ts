import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';

// What reads the sources and nothing else, all at once: on two cores that takes half as long. What one of them says comes in one piece, when it has ended.
const checks = ['types', 'lint', 'style', 'dead'];

const failed = await Promise.all(
  checks.map(async (check) => {
    const running = spawn('npm', ['run', '--silent', check], { stdio: ['ignore', 'pipe', 'pipe'] });
    const [stdout, stderr, [code]] = await Promise.all([buffer(running.stdout), buffer(running.stderr), once(running, 'close')]);
    process.stdout.write(stdout);
    process.stderr.write(stderr);
    process.stdout.write(`${check}: ${code === 0 ? 'passed' : 'failed'}\n`);
    return code !== 0;
  }),
);
if (failed.includes(true)) process.exitCode = 1;
