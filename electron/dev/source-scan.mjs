/** Reads what a source file imports and touches, from its syntax tree (TypeScript, TSX, JavaScript) or its text (C++). */
import { parseSync } from 'vite';

/**
 * @typedef {object} Import
 * @property {string} from the specifier as written
 * @property {string[]} names imported names; empty for namespaces, side effects and `import()`
 * @property {number} line
 */

/**
 * @typedef {object} Scan
 * @property {Import[]} imports
 * @property {number[]} bridgeLines lines that touch `window.qat`
 * @property {string | undefined} error the first syntax error
 */

/**
 * @param {string} file its name decides the language
 * @param {string} code
 * @returns {Scan}
 */
export function scanScript(file, code) {
  const result = parseSync(file, code);
  /** @type {Scan} */
  const scan = { imports: [], bridgeLines: [], error: result.errors[0]?.message };
  const lineOf = (/** @type {number} */ offset) => code.slice(0, offset).split('\n').length;
  walk(/** @type {Node} */ (/** @type {unknown} */ (result.program)), (node) => {
    const source = sourceOf(node);
    if (source !== undefined)
      scan.imports.push({ from: source, names: namesOf(node), line: lineOf(node.start) });
    if (touchesBridge(node)) scan.bridgeLines.push(lineOf(node.start));
  });
  return scan;
}

/** @typedef {{ type: string, start: number, [key: string]: unknown }} Node */

/**
 * @param {Node} node
 * @param {(node: Node) => void} visit
 */
function walk(node, visit) {
  visit(node);
  for (const value of Object.values(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (isNode(child)) walk(child, visit);
    }
  }
}

/**
 * @param {unknown} value
 * @returns {value is Node}
 */
function isNode(value) {
  return (
    typeof value === 'object' && value !== null && typeof (/** @type {Node} */ (value).type) === 'string'
  );
}

/**
 * @param {unknown} value
 * @returns {string | undefined} the text, when it is a string literal
 */
function literal(value) {
  if (!isNode(value)) return undefined;
  if (value.type === 'TSLiteralType') return literal(value.literal);
  return value.type === 'Literal' && typeof value.value === 'string' ? value.value : undefined;
}

/**
 * @param {Node} node
 * @returns {string | undefined} the module it loads
 */
function sourceOf(node) {
  switch (node.type) {
    case 'ImportDeclaration':
    case 'ExportNamedDeclaration':
    case 'ExportAllDeclaration':
    case 'ImportExpression':
      return literal(node.source);
    case 'TSImportType':
      return literal(node.source) ?? literal(node.argument);
    case 'TSExternalModuleReference':
      return literal(node.expression);
    case 'CallExpression': {
      const callee = node.callee;
      const isRequire = isNode(callee) && callee.type === 'Identifier' && callee.name === 'require';
      return isRequire ? literal(/** @type {unknown[]} */ (node.arguments)[0]) : undefined;
    }
    default:
      return undefined;
  }
}

/**
 * @param {Node} node
 * @returns {string[]}
 */
function namesOf(node) {
  const specifiers = Array.isArray(node.specifiers) ? node.specifiers : [];
  return specifiers.flatMap((specifier) => {
    const imported = specifier.imported ?? specifier.local;
    return specifier.type === 'ImportNamespaceSpecifier' ? [] : [imported?.name ?? imported?.value ?? ''];
  });
}

/** @param {Node} node */
function touchesBridge(node) {
  if (node.type === 'MemberExpression') {
    const key = isNode(node.property)
      ? node.computed
        ? literal(node.property)
        : node.property.name
      : undefined;
    return key === 'qat' && isWindow(node.object);
  }
  if (node.type !== 'VariableDeclarator' || !isNode(node.id) || node.id.type !== 'ObjectPattern')
    return false;
  if (!isWindow(node.init)) return false;
  const properties = /** @type {{ key?: { name?: string } }[]} */ (node.id.properties);
  return properties.some((property) => property.key?.name === 'qat');
}

/** @param {unknown} value */
function isWindow(value) {
  return (
    isNode(value) &&
    value.type === 'Identifier' &&
    ['window', 'globalThis', 'self'].includes(String(value.name))
  );
}

/**
 * @param {string} code C or C++
 * @returns {{ from: string, line: number, quoted: boolean }[]} its includes
 */
export function scanIncludes(code) {
  // Comments become spaces, line breaks stay: the line numbers must be right.
  const bare = code.replace(/\/\*[\s\S]*?\*\/|\/\/[^\n]*/g, (comment) => comment.replace(/[^\n]/g, ' '));
  return [...bare.matchAll(/^[ \t]*#[ \t]*include[ \t]*([<"])([^>"\n]+)[>"]/gm)].map((match) => ({
    from: match[2] ?? '',
    quoted: match[1] === '"',
    line: bare.slice(0, match.index).split('\n').length,
  }));
}
