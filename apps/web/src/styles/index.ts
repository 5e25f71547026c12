// SPDX-License-Identifier: Apache-2.0
/** All styles, in order: tokens first, then what uses them. */
import './tokens.css';
import './base.css';
import './catalogue.css';
import './workspace.css';
import './machine.css';
import './timeline.css';
import './walk.css';
