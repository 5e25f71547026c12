// SPDX-License-Identifier: Apache-2.0
/**
 * Every change of one token that leaves a program: operators, constants,
 * conditions. Types, imports and texts are not touched, nor what only the type
 * checker asks for: the right side of `??` where it is a constant.
 */
import { createRequire } from 'node:module';

// TypeScript with an interface for programs; the one the layers are checked with.
export const ts = createRequire(new URL('../layers/package.json', import.meta.url))('typescript');
const { SyntaxKind } = ts;

const OPERATORS = {
  '===': ['!=='],
  '!==': ['==='],
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '&&': ['||'],
  '||': ['&&'],
  '+': ['-'],
  '-': ['+'],
  '*': ['/'],
  '/': ['*'],
  '%': ['*'],
  '**': ['*'],
  '&': ['|'],
  '|': ['&'],
  '^': ['|'],
  '<<': ['>>'],
  '>>': ['<<'],
  '>>>': ['<<'],
  '+=': ['-='],
  '-=': ['+='],
  '|=': ['&='],
  '&=': ['|='],
  '^=': ['|='],
  '<<=': ['>>='],
  '>>>=': ['<<='],
};

/**
 * @typedef {object} Mutant
 * @property {number} start of the token in the text
 * @property {number} end
 * @property {string} change what stands there instead
 * @property {number} line from 1
 * @property {string} key `text of the line | token → change | how many times the same stands before`: it outlives edits elsewhere
 */

/** @returns {Mutant[]} in the order of the text */
export function mutantsOf(text, path) {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const out = [];
  const add = (start, end, change) => out.push({ start, end, change });
  const token = (node, change) => add(node.getStart(file), node.getEnd(), change);

  const visit = (node) => {
    if (ts.isTypeNode(node) || ts.isImportDeclaration(node) || ts.isExportDeclaration(node) || ts.isInterfaceDeclaration(node) || ts.isTypeAliasDeclaration(node)) return;
    if (ts.isBinaryExpression(node)) {
      const operator = node.operatorToken;
      for (const change of OPERATORS[operator.getText(file)] ?? []) token(operator, change);
      if (operator.kind === SyntaxKind.QuestionQuestionToken && isConstant(node.right)) {
        visit(node.left);
        return;
      }
    } else if (ts.isPrefixUnaryExpression(node)) {
      const start = node.getStart(file);
      if ([SyntaxKind.ExclamationToken, SyntaxKind.TildeToken, SyntaxKind.MinusToken].includes(node.operator)) add(start, start + 1, '');
    } else if (ts.isNumericLiteral(node)) {
      const value = Number(node.getText(file).replaceAll('_', ''));
      for (const other of value >= 2 ? [value + 1, value - 1] : [value + 1]) token(node, String(other));
    } else if (ts.isBigIntLiteral(node)) token(node, `${BigInt(node.getText(file).replaceAll('_', '').slice(0, -1)) + 1n}n`);
    else if (node.kind === SyntaxKind.TrueKeyword) token(node, 'false');
    else if (node.kind === SyntaxKind.FalseKeyword) token(node, 'true');
    else if (ts.isContinueStatement(node)) add(node.getStart(file), node.getStart(file) + 8, 'break');
    else if (ts.isBreakStatement(node) && !ts.isCaseOrDefaultClause(node.parent)) add(node.getStart(file), node.getStart(file) + 5, 'continue');
    ts.forEachChild(node, visit);
  };
  visit(file);

  out.sort((a, b) => a.start - b.start);
  const lines = text.split('\n');
  const seen = new Map();
  return out.map((mutant) => {
    const line = file.getLineAndCharacterOfPosition(mutant.start).line;
    const stem = `${lines[line].trim()} | ${text.slice(mutant.start, mutant.end)} → ${mutant.change}`;
    const before = seen.get(stem) ?? 0;
    seen.set(stem, before + 1);
    return { ...mutant, line: line + 1, key: before === 0 ? stem : `${stem} | ${before}` };
  });
}

function isConstant(node) {
  if (ts.isParenthesizedExpression(node)) return isConstant(node.expression);
  if (ts.isPrefixUnaryExpression(node)) return isConstant(node.operand);
  return ts.isNumericLiteral(node) || ts.isBigIntLiteral(node) || ts.isStringLiteral(node) || node.kind === SyntaxKind.TrueKeyword || node.kind === SyntaxKind.FalseKeyword;
}

export const applied = (text, { start, end, change }) => text.slice(0, start) + change + text.slice(end);
