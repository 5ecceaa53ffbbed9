// First of all: what follows inserts styles.
import './ui/style-nonce.ts';
import '@mantine/core/styles.css';
import '@mantine/notifications/styles.css';
import './ui/page.css';
import { createRoot } from 'react-dom/client';
import { App } from './app.tsx';
import { startTranslation } from './i18n/index.ts';

await startTranslation();
createRoot(document.getElementById('root')!).render(<App />);
