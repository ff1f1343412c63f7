import { useTranslation } from 'react-i18next';
import type { ImportStatus, Outcome } from '../../api/contract/imports';
import { StatusTag, type Tone } from '../../ui/layout';

export const OUTCOMES: Outcome[] = ['create', 'update', 'skip', 'duplicate', 'error'];

const STATUS: Record<ImportStatus, Tone> = {
  uploaded: 'neutral',
  planning: 'info',
  planned: 'info',
  applying: 'info',
  applied: 'success',
  cancelled: 'warning',
  failed: 'danger',
  reverting: 'info',
  reverted: 'neutral',
};
const OUTCOME: Record<Outcome, Tone> = {
  create: 'success',
  update: 'info',
  skip: 'neutral',
  duplicate: 'warning',
  error: 'danger',
};

export function ImportTag({ status }: { status: ImportStatus }) {
  const { t } = useTranslation('imports');
  return <StatusTag tone={STATUS[status] ?? 'neutral'}>{t(`status.${status}`)}</StatusTag>;
}

export function OutcomeTag({ outcome }: { outcome: Outcome }) {
  const { t } = useTranslation('imports');
  return <StatusTag tone={OUTCOME[outcome] ?? 'neutral'}>{t(`outcome.${outcome}`)}</StatusTag>;
}
