import { Link } from '@tanstack/react-router';
import { useTranslation } from 'react-i18next';
import type { ObjectView } from '../../api/contract/objects';
import { PageHeader } from '../../ui/layout';

/** First what kind, then the form of that kind. */
export function TemplateChoice({ view }: { view: ObjectView }) {
  const { t } = useTranslation('records');
  return (
    <>
      <PageHeader
        title={t('newTitle', { object: view.title })}
        before={
          <nav className="crumbs" aria-label={t('breadcrumb')}>
            <Link to="/records/$object" params={{ object: view.name }} className="link">
              {view.plural ?? view.title}
            </Link>
          </nav>
        }
      />
      <div className="page">
        <p className="lead">{t('chooseTemplate')}</p>
        <ul className="templates">
          {(view.templates ?? []).map((template) => (
            <li key={template.name}>
              <Link
                className="template"
                to="/records/$object/new"
                params={{ object: view.name }}
                search={{ template: template.name }}
              >
                <span className="template-title">{template.title}</span>
                {template.description ? <span className="template-text">{template.description}</span> : null}
              </Link>
            </li>
          ))}
        </ul>
      </div>
    </>
  );
}
