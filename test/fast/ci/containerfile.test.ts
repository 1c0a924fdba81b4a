import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DockerfileParser, type Copy } from 'dockerfile-ast';
import { validate, ValidationSeverity } from 'dockerfile-utils';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../../../tasks/lib/paths.js';
import { fault } from '../../support/command-lines.js';
import { read } from '../../support/job-files.js';

/** The builder's Containerfile: linted; what it copies and calls exists. */

const text = read('ci/Containerfile');
const file = DockerfileParser.parse(text);
const strict = { deprecatedMaintainer: ValidationSeverity.ERROR, directiveCasing: ValidationSeverity.ERROR, emptyContinuationLine: ValidationSeverity.ERROR, instructionCasing: ValidationSeverity.ERROR, instructionCmdMultiple: ValidationSeverity.ERROR, instructionEntrypointMultiple: ValidationSeverity.ERROR, instructionJSONInSingleQuotes: ValidationSeverity.ERROR, instructionWorkdirRelative: ValidationSeverity.ERROR };

describe('ci/Containerfile', () => {
  it('has no fault that the linter knows, which finds faults', () => {
    expect(validate(text, strict)).toEqual([]);
    expect(validate(text.replace('USER builder', 'USR builder').replace('/work\nENTRYPOINT', 'work\nENTRYPOINT'), strict).map(({ message }) => message)).toEqual(['Unknown instruction: USR', expect.stringContaining('WORKDIR') as string]);
  });

  it('copies what there is', () => {
    const copied = file.getCOPYs().filter((copy: Copy) => copy.getFromFlag() === null).flatMap((copy) => copy.getArguments().slice(0, -1).map((argument) => argument.getValue()));
    expect(copied).toContain('tasks');
    for (const path of copied) expect(existsSync(join(packageRoot, path)), path).toBe(true);
  });

  it('runs scripts without faults, and commands that there are', () => {
    const scripts = file.getInstructions().filter((instruction) => instruction.getKeyword() === 'RUN').map((instruction) => (instruction.getRawArgumentsContent() ?? ''));
    expect(scripts).toHaveLength(2);
    for (const script of scripts) {
      const { status, stdout } = spawnSync('shellcheck', ['--shell=sh', '-'], { input: script, encoding: 'utf8' });
      expect({ status, stdout }).toEqual({ status: 0, stdout: '' });
      const commands = [...script.matchAll(/&& build-kernel (.+?) \\$/gm)].map(([, line = '']) => line);
      expect(commands.flatMap((line) => fault(line) ?? [])).toEqual([]);
    }
    expect(scripts[1]).toContain('build-kernel doctor --install');
  });

  it('ends as a user who is not root', () => {
    const instructions = file.getInstructions();
    expect(instructions.findLast((instruction) => instruction.getKeyword() === 'USER')?.getArgumentsContent()).toBe('builder');
  });
});
