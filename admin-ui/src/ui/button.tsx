import { type ButtonHTMLAttributes, type Ref, useId } from 'react';
import { Icon, type IconName } from './icon';

type Props = ButtonHTMLAttributes<HTMLButtonElement> & {
  look?: 'primary' | 'default' | 'text' | 'danger';
  icon?: IconName;
  /** Work is under way: a second press does nothing, the label stays. */
  busy?: boolean;
  /** Why it cannot be pressed now. The button stays reachable and says so. */
  reason?: string | null;
  ref?: Ref<HTMLButtonElement>;
};

export function Button(props: Props) {
  const { look = 'default', icon, busy, reason, children, onClick, className, type = 'button', ...rest } = props;
  const id = useId();
  const blocked = busy || reason !== undefined;
  const button = (
    <button
      {...rest}
      type={blocked ? 'button' : type}
      className={`btn btn-${look}${children ? '' : ' btn-icon'}${className ? ` ${className}` : ''}`}
      aria-disabled={blocked || undefined}
      aria-busy={busy || undefined}
      aria-describedby={reason ? id : rest['aria-describedby']}
      onClick={blocked ? (event) => event.preventDefault() : onClick}
    >
      {icon ? <Icon name={icon} /> : null}
      {children}
    </button>
  );
  if (!('reason' in props)) return button; // one that may get a reason keeps its place when the reason comes and goes
  return (
    <span className="reasoned">
      {button}
      {reason ? (
        <span role="tooltip" id={id} className="tip">
          {reason}
        </span>
      ) : null}
    </span>
  );
}
