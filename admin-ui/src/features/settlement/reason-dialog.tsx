import { useState } from 'react';
import { useTranslation } from 'react-i18next';
import { Button } from '../../ui/button';
import { Dialog } from '../../ui/dialog';
import { Labelled } from '../../ui/labelled';

type Props = {
  title: string;
  lead: string;
  confirm: string;
  danger?: boolean;
  busy?: boolean;
  /** Something has to be said; otherwise it may be. */
  optional?: boolean;
  onConfirm: (text: string) => void;
  onClose: () => void;
};

/** Asks why before something is done. */
export function ReasonDialog({ title, lead, confirm, danger, busy, optional, onConfirm, onClose }: Props) {
  const { t } = useTranslation('settlement');
  const [text, setText] = useState('');
  const missing = !optional && text.trim() === '';
  return (
    <Dialog
      title={title}
      onClose={onClose}
      footer={
        <>
          <Button onClick={onClose}>{t('ui:cancel')}</Button>
          <Button
            look={danger ? 'danger' : 'primary'}
            busy={busy}
            reason={missing ? t('sayWhy') : undefined}
            onClick={() => onConfirm(text.trim())}
          >
            {confirm}
          </Button>
        </>
      }
    >
      <p>{lead}</p>
      <Labelled label={optional ? t('note') : t('why')} required={!optional} full>
        {(wiring) => (
          <textarea
            id={wiring.id}
            aria-required={wiring.required}
            className="input textarea"
            rows={3}
            maxLength={2000}
            value={text}
            onChange={(event) => setText(event.target.value)}
          />
        )}
      </Labelled>
    </Dialog>
  );
}
