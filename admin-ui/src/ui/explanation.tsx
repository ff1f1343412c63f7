import { type ReactNode, useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Icon } from './icon';

export type ExplainedRef = { object: string; id: string; title: string };
export type ExplainedNode = {
  label: string;
  value?: string | null;
  note?: string | null;
  children?: ExplainedNode[];
  ref?: ExplainedRef | null;
};
type Props = {
  sentence: string;
  tree?: ExplainedNode[];
  trace?: unknown;
  link: (ref: ExplainedRef) => ReactNode;
};

/** Why a value is what it is: first the sentence, then the steps, at the very end what the machine noted. */
export function ExplanationView({ sentence, tree = [], trace, link }: Props) {
  const { t } = useTranslation('ui');
  return (
    <div className="explanation">
      <p className="explanation-sentence">{sentence}</p>
      {tree.length > 0 ? (
        <>
          <h3>{t('explain.steps')}</h3>
          <Nodes nodes={tree} link={link} depth={0} />
        </>
      ) : null}
      {trace === undefined || trace === null ? null : (
        <details className="explanation-trace">
          <summary>{t('explain.trace')}</summary>
          {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region must be reachable by keyboard */}
          <pre tabIndex={0}>{JSON.stringify(trace, null, 2)}</pre>
        </details>
      )}
    </div>
  );
}

function Nodes({ nodes, link, depth }: { nodes: ExplainedNode[]; link: Props['link']; depth: number }) {
  return (
    <ul className={depth === 0 ? 'tree' : 'tree-inner'}>
      {nodes.map((node, at) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: the steps of one explanation never move
        <Branch key={at} node={node} link={link} depth={depth} />
      ))}
    </ul>
  );
}

function Branch({ node, link, depth }: { node: ExplainedNode; link: Props['link']; depth: number }) {
  const { t } = useTranslation('ui');
  const [open, setOpen] = useState(depth < 2);
  const inner = node.children ?? [];
  return (
    <li>
      <div className="tree-row">
        {inner.length > 0 ? (
          <button
            type="button"
            className="tree-fold"
            aria-expanded={open}
            aria-label={t('explain.fold', { label: node.label })}
            onClick={() => setOpen(!open)}
          >
            <Icon name={open ? 'down' : 'right'} size={14} />
          </button>
        ) : (
          <span className="tree-dot" />
        )}
        <span className="tree-label">
          {node.ref ? link({ ...node.ref, title: node.ref.title || node.label }) : node.label}
          {node.ref && node.ref.title !== node.label && node.ref.title ? (
            <span className="tree-kind">{node.label}</span>
          ) : null}
        </span>
        {node.value === null || node.value === undefined || node.value === '' ? null : (
          <span className="tree-value">{node.value}</span>
        )}
      </div>
      {node.note ? <p className="tree-note">{node.note}</p> : null}
      {open && inner.length > 0 ? <Nodes nodes={inner} link={link} depth={depth + 1} /> : null}
    </li>
  );
}
